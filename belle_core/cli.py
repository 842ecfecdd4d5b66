"""Command line: runs (``belle +train=lora model=llama13b``) and everything else (``belle plan …``)."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from typing import NoReturn

from belle_core.errors import BelleError, Several, in_one_line
from belle_core.notices import prepare, tell
from belle_core.stopping import heard, stopped_by, tell_end

HYDRA_FLAGS = (
    "-h",
    "--help",
    "--hydra-help",
    "-c",
    "--cfg",
    "-m",
    "--multirun",
    "-i",
    "--info",
    "-sc",
    "--shell-completion",
    "--resolve",
)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Entry point of ``belle`` and ``python -m belle_core``; exits with 0, 1 (an error to fix), or 128 and the signal that ended it."""
    arguments = sys.argv[1:] if arguments is None else arguments
    prepare()
    share_cores()
    try:
        with heard():
            dispatch(arguments)
    except BelleError as error:
        fail(error)
    except RuntimeError as error:
        if "Could not determine home directory" not in str(error):  # as pathlib says it
            raise
        fail(
            BelleError(
                "a path begins with ~ and a name that no user here has; write it out, or put ./ before a file of that name",
                "有路径以 ~ 加用户名开头，而本机没有这个用户；请写出完整路径，若文件名本身如此请在前面加 ./",
            )
        )
    except (KeyboardInterrupt, SystemExit) as end:
        if (number := stopped_by(end)) is None:
            raise
        signal.signal(number, signal.SIG_IGN)  # one more while Python ends is no traceback
        tell_end(number, goes_on=bool(arguments) and not _is_word(arguments[0]))
        sys.exit(128 + number)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(0)


def share_cores() -> None:
    """Let waiting OpenMP threads sleep soon; must come before torch is imported.

    GNU's library lets them spin for long, which on cores that another program uses too makes training many times slower.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "2000")


def dispatch(arguments: list[str]) -> None:
    """A subcommand, one of Hydra's own services, or a run."""
    first = arguments[0] if arguments else "--help"
    if "_BELLE_COMPLETE" in os.environ or first == "--version" or _is_word(first):
        from belle_core.commands import group
        from belle_core.commands.usage import call

        call(group, arguments)
    elif arguments in ([], ["--help"], ["-h"]):
        from belle_core.help import help_text

        print(help_text())
    elif any(a.split("=")[0] in HYDRA_FLAGS for a in arguments):
        hydra_service(arguments)
    else:
        from belle_core.choices import options_of
        from belle_core.overrides import refuse_choices

        refuse_choices(arguments, options_of)
        from belle_core.api import run

        overrides, config_dir = split(arguments)
        run(overrides, config_dir)


def _is_word(argument: str) -> bool:
    return argument[:1].isalpha() and "=" not in argument


def split(arguments: list[str]) -> tuple[list[str], str | None]:
    """Overrides, and the directory given with ``--config-dir``."""
    from hydra._internal.utils import get_args_parser

    from belle_core.choices import check_config_dir

    parser = get_args_parser()
    parser.error = _refuse_flags  # type: ignore
    known, unknown = parser.parse_known_args(arguments)
    if flags := [word for word in unknown if word.startswith("-")]:
        raise BelleError(f"unknown option {flags[0]}; see --help", f"未知选项 {flags[0]}；参见 --help")
    check_config_dir(known.config_dir)
    return [*known.overrides, *unknown], known.config_dir  # argparse takes none behind a flag


def _refuse_flags(why: str) -> NoReturn:
    raise BelleError(f"{why}; see --help", f"命令行选项不对（{why}）；参见 --help")


def hydra_service(arguments: list[str]) -> None:
    """Help, ``--cfg``, completion and sweeps are Hydra's."""
    from belle_core.launchers import check_launcher, explained, relayed
    from belle_core.overrides import quoted
    from belle_core.published import publish
    from belle_core.sweep import as_choices, check_jobs, hydra_main

    publish()
    overrides = split(arguments)[0]
    arguments = [*map(quoted, overrides), *(word for word in arguments if word not in overrides)]
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # errors come here instead of being printed by Hydra
    try:
        if {"-m", "--multirun"} & set(arguments):
            check_launcher(arguments)
            arguments = as_choices(arguments, check_jobs(arguments))
        sys.argv = [sys.argv[0], *arguments]
        with relayed():
            hydra_main()
    except Exception as error:
        from hydra.errors import HydraException

        if lost := explained(error):
            raise lost from error
        if not isinstance(error, HydraException):
            raise
        from belle_core.compose import compose_run

        compose_run(split(arguments)[0])  # says the same better, if it is in the overrides
        raise BelleError(in_one_line(error), in_one_line(error)) from error


def fail(error: BelleError) -> NoReturn:
    """Print the mistakes, one a line, and exit with 1; with ``BELLE_DEBUG`` set also where they come from."""
    if os.environ.get("BELLE_DEBUG"):
        traceback.print_exception(error)
    for one in error.errors if isinstance(error, Several) else [error]:
        tell(str(one), str(one))
    sys.exit(1)
