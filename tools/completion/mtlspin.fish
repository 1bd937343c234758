# Completion of mtlspin(1) for fish. SPDX-License-Identifier: MIT

set -l commands pin check explain help
set -l none "not __fish_seen_subcommand_from $commands"
set -l pin "__fish_seen_subcommand_from pin; and not __fish_seen_subcommand_from help"
set -l check "__fish_seen_subcommand_from check; and not __fish_seen_subcommand_from help"
set -l explain "__fish_seen_subcommand_from explain; and not __fish_seen_subcommand_from help"
set -l warnings expired-rule expiring-rule expired-anchor expiring-anchor expired-crl expiring-crl shadowed denied \
    two-labels single-pin thumbprint weak-key writable no-rules fingerprint

complete -c mtlspin -f
complete -c mtlspin -n $none -a pin -d 'pins of certificates, keys and live servers'
complete -c mtlspin -n $none -a check -d 'what is wrong or unwise in a policy'
complete -c mtlspin -n $none -a explain -d 'whether a policy lets a certificate in, and why'
complete -c mtlspin -n $none -a help -d 'help for a command'
complete -c mtlspin -n $none -l version -d 'show the version'
complete -c mtlspin -n "not __fish_seen_subcommand_from help" -l help -d 'show help'
complete -c mtlspin -n "__fish_seen_subcommand_from help" -a 'pin check explain'

complete -c mtlspin -n $pin -F
complete -c mtlspin -n $pin -l as -x -a 'allow-spki allow-thumbprint allow-serial' -d 'just the policy lines of this kind'
complete -c mtlspin -n $pin -l label -x -d 'label of the policy lines, which are active then'
complete -c mtlspin -n $pin -l issuer -r -F -d 'certificate of the CA that issued it'
complete -c mtlspin -n $pin -l ca -r -F -d 'anchors to verify the chain of a live server with'
complete -c mtlspin -n $pin -l servername -x -a '(__fish_print_hostnames)' -d 'name that a live server is asked for'
complete -c mtlspin -n $pin -l timeout -x -a '5s 10s 30s' -d 'how long to wait for a live server'
complete -c mtlspin -n $pin -l passphrase-file -r -F -d 'file whose first line is the passphrase'
complete -c mtlspin -n $pin -l json -d 'print JSON'

complete -c mtlspin -n $check -F
complete -c mtlspin -n $check -l within -x -a '7d 30d 90d' -d 'warn of what expires within this time'
complete -c mtlspin -n $check -l at -x -d 'take this for the time'
complete -c mtlspin -n $check -l strict -d 'warnings count as errors'
complete -c mtlspin -n $check -l ignore -x -a "(__fish_append , $warnings)" -d 'leave out these warnings'
complete -c mtlspin -n $check -l json -d 'print JSON'

complete -c mtlspin -n $explain -F
complete -c mtlspin -n $explain -l chain -r -F -d 'certificates that the peer sends besides'
complete -c mtlspin -n $explain -l role -x -a 'client server' -d 'side that the policy is on'
complete -c mtlspin -n $explain -l host -x -a '(__fish_print_hostnames)' -d 'what the server must prove to be'
complete -c mtlspin -n $explain -l at -x -d 'take this for the time'
complete -c mtlspin -n $explain -l json -d 'print JSON'
