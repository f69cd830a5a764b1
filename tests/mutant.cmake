# SPDX-License-Identifier: Apache-2.0
#
# Builds one deliberate defect in: scripts/mutants hands this file over as CMAKE_PROJECT_lakefeed_INCLUDE, with the defect's
# name in LAKEFEED_MUTANT. Only the files that know the name see the definition, so that only they are compiled again.
if(LAKEFEED_MUTANT)
    set(found FALSE)
    file(GLOB_RECURSE sources ${PROJECT_SOURCE_DIR}/src/*.c)
    foreach(source IN LISTS sources)
        file(STRINGS ${source} lines REGEX "LAKEFEED_MUTANT_${LAKEFEED_MUTANT}([^a-z_]|$)")
        if(lines)
            set(found TRUE)
            set_source_files_properties(${source} PROPERTIES COMPILE_DEFINITIONS LAKEFEED_MUTANT_${LAKEFEED_MUTANT})
        endif()
    endforeach()
    if(NOT found)
        message(FATAL_ERROR "no file of src has the defect ${LAKEFEED_MUTANT}")
    endif()
endif()
