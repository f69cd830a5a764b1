# SPDX-License-Identifier: Apache-2.0
#
# Included by the top CMakeLists.txt. Every folder is optional.
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
find_package(Python3 COMPONENTS Interpreter)

set(LAKEFEED_TEST_TIMEOUT_S 300)

if(Python3_FOUND AND EXISTS ${PROJECT_SOURCE_DIR}/scripts/check_layers.py)
    add_test(NAME check_layers COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/scripts/check_layers.py)
    set_tests_properties(check_layers PROPERTIES LABELS lint)
endif()
if(Python3_FOUND AND EXISTS ${PROJECT_SOURCE_DIR}/scripts/generate_docs)
    add_test(NAME generated_docs COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/scripts/generate_docs --check)
    set_tests_properties(generated_docs PROPERTIES LABELS lint)
endif()
if(TARGET lakefeed_generate)
    set_target_properties(lakefeed_generate PROPERTIES EXCLUDE_FROM_ALL FALSE)
    add_test(NAME generated_cli COMMAND lakefeed_generate --check ${PROJECT_SOURCE_DIR}/docs)
    set_tests_properties(generated_cli PROPERTIES LABELS lint)
endif()

if(Python3_FOUND AND EXISTS ${PROJECT_SOURCE_DIR}/scripts/log_events.py)
    add_test(NAME log_events COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/scripts/log_events.py)
    set_tests_properties(log_events PROPERTIES LABELS lint)
endif()

# Doubles that several tests share. They bring no layer with them: a test links those of its own folder.
file(GLOB fakes CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/fakes/*.c)
if(fakes)
    add_library(lakefeed_fakes STATIC ${fakes})
    target_include_directories(lakefeed_fakes PUBLIC ${PROJECT_SOURCE_DIR}/tests PRIVATE ${PROJECT_SOURCE_DIR}/src)
    target_compile_definitions(lakefeed_fakes
                               PRIVATE LAKEFEED_ADLS_SERVER="${PROJECT_SOURCE_DIR}/tests/adls/server.py")
    target_link_libraries(lakefeed_fakes PUBLIC lakefeed_abi Threads::Threads)
endif()

# The example connector: once as it is loaded at run time, once linked into the tests.
file(GLOB plugin CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/plugin/*.c)
if(plugin)
    add_library(lakefeed_example MODULE ${plugin})
    set_target_properties(lakefeed_example PROPERTIES PREFIX "")
    target_link_libraries(lakefeed_example PRIVATE lakefeed_abi)
    if(NOT LAKEFEED_SANITIZE AND NOT LAKEFEED_FUZZ)
        target_link_options(lakefeed_example PRIVATE -Wl,-z,defs) # proves that it needs no symbol of the host
    endif()
    add_library(lakefeed_example_static STATIC ${plugin})
    target_include_directories(lakefeed_example_static PUBLIC ${PROJECT_SOURCE_DIR}/tests)
    target_link_libraries(lakefeed_example_static PUBLIC lakefeed_abi)
endif()

# A failing disk and a wrong clock for the real program. A sanitizer must be the first library of a process, so not with one.
if(NOT LAKEFEED_SANITIZE AND NOT LAKEFEED_FUZZ)
    add_library(fault_shim MODULE ${PROJECT_SOURCE_DIR}/tests/shim/fault_shim.c)
    set_target_properties(fault_shim PROPERTIES PREFIX "")
    target_link_libraries(fault_shim PRIVATE lakefeed_abi ${CMAKE_DL_LIBS})
endif()

# An executable of the tests: LIBRARIES are those under test, highest layer first; EXAMPLE adds the example connector.
function(lakefeed_add_test_program target)
    cmake_parse_arguments(PARSE_ARGV 1 arg "EXAMPLE" "" "SOURCES;LIBRARIES;PACKAGES")
    add_executable(${target} ${arg_SOURCES})
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
    target_compile_definitions(${target} PRIVATE LAKEFEED_TESTS_DIR="${PROJECT_SOURCE_DIR}/tests")
    if(TARGET lakefeed_fakes)
        target_link_libraries(${target} PRIVATE lakefeed_fakes)
    endif()
    if(arg_EXAMPLE AND TARGET lakefeed_example_static)
        target_link_libraries(${target} PRIVATE lakefeed_example_static)
        target_compile_definitions(${target} PRIVATE LAKEFEED_EXAMPLE_MODULE="$<TARGET_FILE:lakefeed_example>")
        add_dependencies(${target} lakefeed_example)
    endif()
    target_link_libraries(${target} PRIVATE ${arg_LIBRARIES} lakefeed_abi ${arg_PACKAGES})
endfunction()

# Layers from which a source can be seen.
set(LAKEFEED_EXAMPLE_FOLDERS source snapshot commit link sched admin app cli)

# tests/unit/<folder>/test_*.c, for a folder of src or of src/source.
function(lakefeed_add_unit_tests name folder)
    file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/unit/${folder}/test_*.c)
    if(sources AND NOT TARGET lakefeed_${name})
        message(STATUS "tests/unit/${folder} is left out: src/${folder} has no C file yet")
        return()
    endif()
    set(example)
    if(name IN_LIST LAKEFEED_EXAMPLE_FOLDERS)
        set(example EXAMPLE)
    endif()
    foreach(source IN LISTS sources)
        cmake_path(GET source STEM stem)
        string(REGEX REPLACE "^test_" "" stem ${stem})
        set(target test_${name}_${stem})
        lakefeed_add_test_program(${target} ${example} SOURCES ${source} LIBRARIES lakefeed_${name}
                                  PACKAGES PkgConfig::CMOCKA ${LAKEFEED_PACKAGES_${name}})
        add_test(NAME unit/${folder}/${stem} COMMAND ${target})
        set_tests_properties(unit/${folder}/${stem} PROPERTIES LABELS unit TIMEOUT ${LAKEFEED_TEST_TIMEOUT_S})
    endforeach()
endfunction()

foreach(folder IN LISTS LAKEFEED_FOLDERS)
    lakefeed_add_unit_tests(${folder} ${folder})
endforeach()
file(GLOB folders CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/unit/source/*)
foreach(folder IN LISTS folders)
    if(IS_DIRECTORY ${folder})
        cmake_path(GET folder FILENAME connector)
        lakefeed_add_unit_tests(source_${connector} source/${connector})
    endif()
endforeach()

# One fuzzer for each parser. Without libFuzzer it replays the corpus, so that every finding stays a regression test.
file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_*.c)
foreach(source IN LISTS sources)
    cmake_path(GET source STEM target)
    string(REGEX REPLACE "^fuzz_" "" parser ${target})
    set(corpus ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${parser})
    if(LAKEFEED_FUZZ)
        lakefeed_add_test_program(${target} SOURCES ${source} LIBRARIES ${LAKEFEED_LIBRARIES})
        target_link_options(${target} PRIVATE -fsanitize=fuzzer)
        set(command ${target} -runs=0 ${corpus})
    else()
        lakefeed_add_test_program(${target} SOURCES ${source} ${PROJECT_SOURCE_DIR}/tests/fuzz/replay_main.c
                                  LIBRARIES ${LAKEFEED_LIBRARIES})
        set(command ${target} ${corpus})
    endif()
    if(IS_DIRECTORY ${corpus})
        add_test(NAME fuzz/${parser} COMMAND ${command})
        set_tests_properties(fuzz/${parser} PROPERTIES LABELS fuzz TIMEOUT ${LAKEFEED_TEST_TIMEOUT_S})
    endif()
endforeach()

file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/bench/bench_*.c)
foreach(source IN LISTS sources)
    cmake_path(GET source STEM target)
    if(target MATCHES "^bench_(http|adls)$") # bring a server with TLS, and are compared with bare libcurl
        pkg_check_modules(SSL REQUIRED IMPORTED_TARGET libssl)
        lakefeed_add_test_program(${target} SOURCES ${source} ${PROJECT_SOURCE_DIR}/tests/bench/sink.c
                                  LIBRARIES lakefeed_net PACKAGES PkgConfig::CURL PkgConfig::SSL PkgConfig::CRYPTO)
    else()
        lakefeed_add_test_program(${target} EXAMPLE SOURCES ${source} LIBRARIES ${LAKEFEED_LIBRARIES}
                                  PACKAGES ${LAKEFEED_PACKAGES_source_postgres})
    endif()
endforeach()

# Parts of the program that Python tests drive on their own.
file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/probe/*.c)
foreach(source IN LISTS sources)
    cmake_path(GET source STEM target)
    lakefeed_add_test_program(${target} SOURCES ${source} LIBRARIES lakefeed_auth)
endforeach()

file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/schedule/*.c)
if(sources)
    lakefeed_add_test_program(schedule_test EXAMPLE SOURCES ${sources} LIBRARIES lakefeed_link
                              PACKAGES PkgConfig::CMOCKA)
    add_test(NAME schedule COMMAND schedule_test)
    set_tests_properties(schedule PROPERTIES LABELS schedule TIMEOUT ${LAKEFEED_TEST_TIMEOUT_S})
endif()

# Plug-ins that the registry must refuse, one for each reason.
file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/plugin_bad/*.c)
foreach(source IN LISTS sources)
    cmake_path(GET source STEM name)
    add_library(plugin_bad_${name} MODULE ${source})
    set_target_properties(plugin_bad_${name} PROPERTIES PREFIX "" OUTPUT_NAME lakefeed_${name}
                          LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/plugin_bad)
    target_link_libraries(plugin_bad_${name} PRIVATE lakefeed_abi)
    if(TARGET test_source_registry)
        add_dependencies(test_source_registry plugin_bad_${name})
    endif()
endforeach()
if(TARGET test_source_registry)
    target_compile_definitions(test_source_registry PRIVATE LAKEFEED_BAD_PLUGINS="${PROJECT_BINARY_DIR}/plugin_bad")
endif()
