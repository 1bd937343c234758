# Completion of mtlspin(1) for bash. SPDX-License-Identifier: MIT
# shellcheck shell=bash

_mtlspin_warnings="expired-rule expiring-rule expired-anchor expiring-anchor expired-crl expiring-crl shadowed denied
    two-labels single-pin thumbprint weak-key writable no-rules fingerprint"

# WORDS: those of them that begin with what has been typed.
_mtlspin_words()
{
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current")
}

_mtlspin_files()
{
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
    compopt -o filenames 2>/dev/null || true
}

# WORDS: the next of a list with commas between.
_mtlspin_list()
{
    local before=
    case $current in *,*) before=${current%,*}, ;; esac
    mapfile -t COMPREPLY < <(compgen -P "$before" -W "$1" -- "${current##*,}")
}

# The value of an option; false if `previous` has none.
_mtlspin_value()
{
    case $command$previous in
    pin--as) _mtlspin_words "allow-spki allow-thumbprint allow-serial" ;;
    pin--issuer | pin--ca | pin--passphrase-file | explain--chain) _mtlspin_files ;;
    pin--servername | explain--host) mapfile -t COMPREPLY < <(compgen -A hostname -- "$current") ;;
    pin--timeout) _mtlspin_words "5s 10s 30s" ;;
    check--within) _mtlspin_words "7d 30d 90d" ;;
    check--ignore) _mtlspin_list "$_mtlspin_warnings" ;;
    explain--role) _mtlspin_words "client server" ;;
    pin--label | check--at | explain--at) ;;
    *) return 1 ;;
    esac
}

_mtlspin_options()
{
    case $command in
    pin) _mtlspin_words "--as --label --issuer --ca --servername --timeout --passphrase-file --json --help" ;;
    check) _mtlspin_words "--within --at --strict --ignore --json --help" ;;
    explain) _mtlspin_words "--chain --role --host --at --json --help" ;;
    esac
}

_mtlspin()
{
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
    COMPREPLY=()
    # Of "--option=value" bash makes three words.
    if [ "$current" = "=" ]; then
        current=
    elif [ "$previous" = "=" ] && [ "$COMP_CWORD" -gt 2 ]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    if [ "$COMP_CWORD" -eq 1 ]; then
        _mtlspin_words "pin check explain help --help --version"
    elif [ "$command" = help ]; then
        _mtlspin_words "pin check explain"
    elif ! _mtlspin_value; then
        case $current in
        -*) _mtlspin_options ;;
        *) _mtlspin_files ;;
        esac
    fi
}

complete -F _mtlspin mtlspin
