"""``nsrunner completion``: the script that lets a shell complete nsrunner's command lines."""

from __future__ import annotations

import argparse
from typing import Final

from . import exits
from .output import write
from .parser import Parser

__all__ = ["SCRIPTS", "parser", "run"]

_DESCRIPTION: Final = """\
Print a script that lets your shell complete verbs, options, files, and the names of pods, containers, namespaces and
the daemon's other objects.
"""

_EPILOG: Final = """\
examples:
  source <(nsrunner completion bash)            now, in this shell
  nsrunner completion bash > /etc/bash_completion.d/nsrunner
  nsrunner completion zsh > /usr/local/share/zsh/site-functions/_nsrunner
  nsrunner completion fish > ~/.config/fish/completions/nsrunner.fish
"""

_BASH: Final = """\
# bash completion for nsrunner
_nsrunner() {
    local line files=() IFS=$'\\n'
    COMPREPLY=()
    while read -r line; do
        case "$line" in
            :files) files=(1) ;;
            *) COMPREPLY+=("$line") ;;
        esac
        case "$line" in *=|*:) compopt -o nospace 2>/dev/null ;; esac
    done < <("${COMP_WORDS[0]}" __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    [ -z "$files" ] || files=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
    if [ -n "$files" ]; then
        compopt -o filenames 2>/dev/null
        COMPREPLY+=("${files[@]}")
    fi
}
complete -F _nsrunner nsrunner
"""

_ZSH: Final = """\
#compdef nsrunner
# zsh completion for nsrunner
_nsrunner() {
    local -a lines unfinished
    lines=("${(@f)$("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if (( ${lines[(I):files]} )); then
        lines=("${(@)lines:#:files}")
        _files
    fi
    lines=("${(@)lines:#}")
    unfinished=("${(@M)lines:#*[=:]}")
    lines=("${(@)lines:#*[=:]}")
    (( ${#unfinished} )) && compadd -S '' -a unfinished
    (( ${#lines} )) && compadd -a lines
}
if [ "$funcstack[1]" = _nsrunner ]; then _nsrunner "$@"; else compdef _nsrunner nsrunner; fi
"""

_FISH: Final = """\
# fish completion for nsrunner
function __nsrunner_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] __complete -- $words[2..-1] 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c nsrunner -f -a '(__nsrunner_complete)'
"""

SCRIPTS: Final = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def parser() -> Parser:
    verb = Parser(
        "nsrunner completion", usage="nsrunner completion bash|zsh|fish", description=_DESCRIPTION, epilog=_EPILOG
    )
    verb.add_argument("shell", choices=sorted(SCRIPTS), metavar="SHELL", help="bash, zsh or fish")
    return verb


def run(options: argparse.Namespace) -> int:
    write(SCRIPTS[options.shell])
    return exits.OK
