# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Completion of lakefeed for bash; made by lakefeed_generate from the tables in src/cli; do not edit.
_lakefeed() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local verb=${COMP_WORDS[1]} options='' words='' files=''
    COMPREPLY=()
    if [ "$cur" = = ]; then # --option=
        cur=''
    elif [ "$prev" = = ]; then # --option=value
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "init check track untrack run status artifacts failures verify snapshot resync disable enable unlink config version help --help --version" -- "$cur")
        return
    fi
    case $prev in
        -c | --config)
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            return
            ;;
        --state-dir)
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -d -- "$cur")
            return
            ;;
        --link | --source | --lake | --entities | --name | --interval | --reason)
            return
            ;;
    esac
    case $verb in
        init)
            options="--source --lake --entities --name --help"
            ;;
        check)
            options="--config --link --source --lake --entities --name --json --state-dir --verbose --help"
            ;;
        track)
            options="--config --link --source --lake --entities --name --state-dir --verbose --help"
            ;;
        untrack)
            options="--config --link --source --lake --entities --name --state-dir --verbose --help"
            ;;
        run)
            options="--config --link --source --lake --entities --name --interval --once --track --takeover --state-dir --verbose --help"
            ;;
        status)
            options="--config --link --source --lake --entities --name --json --state-dir --verbose --help"
            ;;
        artifacts)
            options="--config --link --source --lake --entities --name --json --state-dir --verbose --help"
            ;;
        failures)
            options="--config --link --source --lake --entities --name --json --state-dir --verbose --help"
            ;;
        verify)
            options="--config --link --source --lake --entities --name --json --state-dir --verbose --help"
            ;;
        snapshot)
            options="--config --link --source --lake --entities --name --json --state-dir --verbose --help"
            ;;
        resync)
            options="--config --link --source --lake --entities --name --json --state-dir --verbose --help"
            ;;
        disable)
            options="--config --link --source --lake --entities --name --reason --json --state-dir --verbose --help"
            ;;
        enable)
            options="--config --link --source --lake --entities --name --json --state-dir --verbose --help"
            ;;
        unlink)
            options="--config --link --source --lake --entities --name --takeover --purge --yes --json --state-dir --verbose --help"
            ;;
        config)
            options="--config --json --state-dir --help"
            files=yes
            ;;
        version)
            options="--help"
            ;;
        help)
            words="init check track untrack run status artifacts failures verify snapshot resync disable enable unlink config version"
            ;;
    esac
    case $cur in
        -*) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur") ;;
        *)
            if [ -n "$words" ]; then
                mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
            elif [ -n "$files" ]; then
                compopt -o filenames 2>/dev/null
                mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            elif [ -z "$cur" ]; then
                mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
            fi
            ;;
    esac
}
complete -F _lakefeed lakefeed
