"""Runs one SimulEval agent for another process: `PYTHON agent_worker.py`, order on standard input.

It runs in the agent's own Python, which may be 3.8 and has numpy and simuleval, but not this
package: that is why it is one file, however long. Standard output and standard error belong to the
agent: they go to a log. Questions and answers cross a socket in frames: two unsigned 32-bit
lengths, little endian, then that many bytes of JSON and that many bytes of float32 samples, little
endian. Whoever starts it makes it the first of a process group and keeps the standard input open:
the group is killed when that ends.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and not getattr(sys.flags, "safe_path", False):
    del sys.path[0]  # this file's folder: its neighbours must not be taken for other modules

import argparse
import contextlib
import fcntl
import importlib
import importlib.util
import inspect
import json
import os
import platform
import signal
import socket
import struct
import threading
import time
import traceback
from typing import Any, Callable, Iterator, NoReturn  # noqa: UP035  (Python 3.8)

LENGTHS = struct.Struct("<II")
JSON_LIMIT_BYTES = 16 * 2**20
SAMPLES_LIMIT_BYTES = 256 * 2**20
OLDEST_PYTHON = (3, 8)
MODULE_NAME = "s2st_agent_file"
"""What an agent's file is imported as: no other module's name."""
WAYS_TO_ANSWER = ("policy", "pop", "pushpop")
"""Methods of which an agent has at least one of its own."""
LEAVE_S = 3.0
"""How long the agent may go on once nobody asks any more."""
GLANCE_S = 0.25
"""How often it is looked whether anybody is still there."""


class FrameError(ValueError):
    """A frame is larger than the limits, or is not one."""


class OptionsError(ValueError):
    """The agent does not take these options."""


def pack_frame(message: dict[str, Any], samples: bytes = b"") -> bytes:
    text = json.dumps(message).encode()
    _check_lengths(len(text), len(samples))
    return LENGTHS.pack(len(text), len(samples)) + text + samples


def read_frame(read: Callable[[int], bytes]) -> tuple[dict[str, Any], bytes]:
    """The next frame; `read` gives exactly as many bytes as it is asked for."""
    text_bytes, samples_bytes = LENGTHS.unpack(read(LENGTHS.size))
    _check_lengths(text_bytes, samples_bytes)
    message = json.loads(read(text_bytes))
    if not isinstance(message, dict) or samples_bytes % 4:
        raise FrameError("this is not a frame")
    return message, read(samples_bytes)


def _check_lengths(text_bytes: int, samples_bytes: int) -> None:
    if text_bytes > JSON_LIMIT_BYTES:
        raise FrameError(f"{text_bytes} bytes of text at once; {JSON_LIMIT_BYTES} are allowed")
    if samples_bytes > SAMPLES_LIMIT_BYTES:
        raise FrameError(
            f"{samples_bytes} bytes of sound at once; {SAMPLES_LIMIT_BYTES} are allowed"
        )


def one_line(text: str) -> str:
    return " ".join(text.split())


def find_agent_class(agent: str, class_name: str | None) -> Any:
    """The class named by its path, or the one that a file holds."""
    if is_file(agent):
        return _class_of_file(agent, class_name)
    sys.path.append("")  # the folder it was started in
    module_name, _, name = agent.rpartition(".")
    if not module_name:
        raise ValueError(
            f"'{agent}' is neither a class, as in package.module.Class, nor a .py file"
        )
    found = getattr(importlib.import_module(module_name), name)
    if not (inspect.isclass(found) and issubclass(found, _generic_agent())):
        raise ValueError(f"'{agent}' is not a SimulEval agent")
    return found


def is_file(agent: str) -> bool:
    return agent.endswith(".py") or os.sep in agent


def _class_of_file(path: str, class_name: str | None) -> Any:
    from simuleval.utils.agent import EVALUATION_SYSTEM_LIST

    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))  # noqa: PTH100, PTH120
    spec = importlib.util.spec_from_file_location(MODULE_NAME, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"'{path}' is not a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE_NAME] = module
    EVALUATION_SYSTEM_LIST.clear()  # @entrypoint adds to it
    spec.loader.exec_module(module)
    marked = list(EVALUATION_SYSTEM_LIST)
    if class_name is not None:
        wanted = class_name.rpartition(".")[2]
        named = [found for found in marked if found.__name__ == wanted]
        found = named[-1] if named else getattr(module, wanted, None)
        if not (inspect.isclass(found) and issubclass(found, _generic_agent())):
            raise ValueError(f"the file has no agent called '{class_name}'")
        return found
    own = [found for found in marked if found.__module__ == MODULE_NAME]
    choice = own or marked or list(_whole_agents(module))
    if not choice:
        raise ValueError("the file has no class with @entrypoint, nor any other agent")
    if len(choice) > 1:
        names = ", ".join(sorted(found.__name__ for found in choice))
        raise ValueError(f"the file has several agents, and one must be named: {names}")
    return choice[0]


def _whole_agents(module: Any) -> Iterator[Any]:
    """The classes a file defines that are agents and have all that one needs."""
    generic = _generic_agent()
    found: Any
    for found in dict.fromkeys(each for each in vars(module).values() if inspect.isclass(each)):
        if not issubclass(found, generic) or found.__module__ != MODULE_NAME:
            continue
        does = any(getattr(found, way) is not getattr(generic, way) for way in WAYS_TO_ANSWER)
        if does and found.source_type and found.target_type and not inspect.isabstract(found):
            yield found


def _generic_agent() -> Any:
    from simuleval.agents import GenericAgent

    return GenericAgent


class _Parser(argparse.ArgumentParser):
    """Raises what is wrong with the options instead of leaving the program."""

    def error(self, message: str) -> NoReturn:
        raise OptionsError(one_line(message))

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise OptionsError(one_line(message or "an option that ends the program"))


def _parser() -> _Parser:
    return _Parser(add_help=False, allow_abbrev=False, conflict_handler="resolve")


def load_agent(order: dict[str, Any]) -> Any:
    """The agent, made the way SimulEval's own command makes it, and moved to its device."""
    from simuleval import options

    words = ["--device", order["device"], *order["options"]]
    sys.argv = [order["agent"], *words]  # SimulEval and some agents read it
    parser = options.general_parser(parser=_parser())  # imports the --user-dir
    agent_class = find_agent_class(order["agent"], order["agent_class"])
    # An agent may look for any option of SimulEval's command; its own take the place of those.
    options.add_evaluator_args(parser)
    options.add_scorer_args(parser, _metric_words(words))
    options.add_slurm_args(parser)
    options.add_dataloader_args(parser, [])
    agent_class.add_args(parser)
    args = parser.parse_args(_spelled(words, parser))
    if is_file(order["agent"]):
        args.agent = order["agent"]
    else:
        args.agent_class = order["agent"]
    agent = agent_class.from_args(args)
    if "speech" not in type_name(agent.source_type).split("_"):
        raise ValueError(
            f"it takes {type_name(agent.source_type)}, and only agents that take speech can be used"
        )
    _move(agent, args)
    return agent


def _spelled(words: list[str], parser: argparse.ArgumentParser) -> list[str]:
    """With the hyphens or underscores that the agent's own options have: `--wait_k` is
    `--wait-k`."""
    known = {name for action in parser._actions for name in action.option_strings}
    alike = {name.replace("_", "-"): name for name in known}
    spelled = []
    for word in words:
        name, equals, value = word.partition("=")
        if name.startswith("-") and name not in known:
            name = alike.get(name.replace("_", "-"), name)
        spelled.append(name + equals + value)
    return spelled


def _metric_words(words: list[str]) -> list[str]:
    """The options that choose metrics: scorers add their own. The agent's are not known yet."""
    parser = _parser()
    for name in ("--quality-metrics", "--latency-metrics"):
        parser.add_argument(name, dest=name, nargs="+", default=[])
    found = vars(parser.parse_known_args(words)[0])
    return [word for name, metrics in found.items() if metrics for word in (name, *metrics)]


def _move(agent: Any, args: argparse.Namespace) -> None:
    """To the device, with SimulEval's word on precision where the agent takes it."""
    half = getattr(args, "dtype", None) or ("fp16" if getattr(args, "fp16", False) else "fp32")
    taken = inspect.signature(agent.to).parameters
    if "fp16" in taken or any(p.kind is inspect.Parameter.VAR_KEYWORD for p in taken.values()):
        agent.to(args.device, fp16=half == "fp16")
    else:
        agent.to(args.device)


def type_name(types: Any) -> str:
    return types if isinstance(types, str) else "_".join(str(each) for each in types or ())


def step(agent: Any, message: dict[str, Any], samples: bytes) -> tuple[list[Any], bytes]:
    """One segment of source; what the agent wrote, part by part, and the sound of the parts."""
    import numpy as np
    from simuleval.data.segments import EmptySegment, SpeechSegment

    if samples:
        segment = SpeechSegment(
            index=message["sent_ms"],
            content=np.frombuffer(samples, dtype="<f4").tolist(),
            sample_rate=message["sample_rate_hz"],
            finished=message["finished"],
            tgt_lang=message["target_language"],
        )
    else:
        segment = EmptySegment(index=message["sent_ms"], finished=message["finished"])
    parts: list[Any] = []
    sounds: list[bytes] = []
    for content, sample_rate, finished in _written(agent.pushpop(segment)):
        text = content if isinstance(content, str) else None
        sound = _as_samples(content) if text is None else b""
        parts.append([text, len(sound), sample_rate, finished])
        sounds.append(sound)
    return parts, b"".join(sounds)


def _written(answer: Any) -> Iterator[tuple[Any, float, bool]]:
    """Content, sample rate and whether the agent is through, of each segment in an answer."""
    if isinstance(answer, (list, tuple)):  # of a tree of agents
        for each in answer:
            yield from _written(each)
    elif hasattr(answer, "speech_segment"):  # text and speech together finish together
        both = [answer.text_segment, answer.speech_segment]
        parts = [part for each in both if each is not None for part in _written(each)]
        through = any(finished for _, _, finished in parts)
        for content, sample_rate, _ in parts:
            yield content, sample_rate, through
    elif answer.is_empty or answer.content is None or _is_nothing(answer.content):
        yield (), 0.0, bool(answer.finished)
    else:
        _check_kind(answer.content, getattr(answer, "data_type", None))
        sample_rate = float(getattr(answer, "sample_rate", None) or 0)
        yield answer.content, sample_rate, bool(answer.finished)


def _is_nothing(content: Any) -> bool:
    return isinstance(content, (str, list, tuple)) and not content


def _check_kind(content: Any, kind: str | None) -> None:
    """What is sent as text must be text, and what is sent as speech must not be."""
    if kind == "text" and not isinstance(content, str):
        raise ValueError(f"the agent wrote text that is no str but {type(content).__name__}")
    if kind == "speech" and isinstance(content, str):
        raise ValueError(f"the agent wrote text as speech: {content[:40]!r}")


def _as_samples(content: Any) -> bytes:
    """Lists, arrays and tensors on any device as float32 samples."""
    import numpy as np

    if hasattr(content, "detach"):
        content = content.detach().cpu().float().numpy()
    sound = np.atleast_1d(np.squeeze(np.asarray(content, dtype="<f4")))
    if sound.ndim > 1:
        raise ValueError(f"the agent wrote sound of shape {sound.shape}; one channel is wanted")
    return sound.tobytes()


class _Gone(Exception):  # noqa: N818
    """Nobody is at the other end any more: nothing that went wrong."""


class _Line:
    """Our end of the connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._incoming = connection.makefile("rb")

    def receive(self) -> tuple[dict[str, Any], bytes]:
        return read_frame(self._read)

    def send(self, message: dict[str, Any], samples: bytes = b"") -> None:
        frame = pack_frame(message, samples)
        try:
            self._connection.sendall(frame)
        except OSError as error:
            raise _Gone from error

    def report(self, kind: str, error: BaseException) -> None:
        told = traceback.format_exc()
        sys.stderr.write(told)
        sys.stderr.flush()
        message = one_line(str(error))
        if not isinstance(error, OptionsError):
            message = f"{type(error).__name__}: {message}" if message else type(error).__name__
        self.send({"kind": kind, "error": message[:1000], "traceback": told[-100_000:]})

    def _read(self, count: int) -> bytes:
        try:
            read = self._incoming.read(count)
        except OSError as error:
            raise _Gone from error
        if len(read) < count:
            raise _Gone
        return read


def _load(line: _Line, order: dict[str, Any]) -> Any:
    """The agent, once the other side knows about it; None when there is nothing to serve."""
    try:
        for name in ("numpy", "simuleval"):
            importlib.import_module(name)
    except ImportError as error:
        line.report("no_package", error)
        return None
    try:
        agent = load_agent(order)
    except OptionsError as error:
        line.report("wrong_options", error)
        return None
    except (Exception, SystemExit) as error:
        line.report("not_loaded", error)
        return None
    line.send(
        {
            "kind": "loaded",
            "name": type(agent).__name__,
            "source_type": type_name(agent.source_type),
            "target_type": type_name(agent.target_type),
            "simuleval_version": _simuleval_version(),
            "python_version": platform.python_version(),
        }
    )
    return agent


def _simuleval_version() -> str:
    from importlib import metadata

    try:
        return metadata.version("simuleval")
    except metadata.PackageNotFoundError:  # it is used from its sources
        return "unknown"


def _serve(line: _Line, agent: Any) -> None:
    while True:
        message, samples = line.receive()
        try:
            if message["do"] == "reset":
                agent.reset()
                line.send({"kind": "done", "parts": []})
            else:
                parts, sound = step(agent, message, samples)
                line.send({"kind": "done", "parts": parts}, sound)
        except _Gone:
            raise
        except (Exception, SystemExit) as error:
            line.report("failed", error)


def _take_order() -> dict[str, Any]:
    order: dict[str, Any] = json.loads(sys.stdin.buffer.readline(JSON_LIMIT_BYTES))
    _end_with(os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # an agent that asks a question hears nothing
    os.close(nothing)
    return order


def _end_with(pipe: int) -> None:
    """Has Linux kill the group when the other end of a pipe is closed, were it in the middle of
    native code. Nothing comes through the pipe any more."""
    with contextlib.suppress(AttributeError, OSError):
        fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(pipe, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)


def _watch(connection: socket.socket, parent: int) -> None:
    """Kills the group at once when the process that started it is gone, and after a while when
    that one only hung up: then it may end it more gently."""
    alone_s = 0.0
    while os.getppid() == parent and alone_s < LEAVE_S:
        time.sleep(GLANCE_S)
        alone_s = alone_s + GLANCE_S if _is_hung_up(connection) else 0.0
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _is_hung_up(connection: socket.socket) -> bool:
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)  # takes nothing away
    except BlockingIOError:
        return False
    except OSError:
        return True


def _connect(port: int, token: str, parent: int) -> _Line:
    try:
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(token.encode())
    except OSError as error:
        raise _Gone from error
    threading.Thread(target=_watch, args=(connection, parent), daemon=True).start()
    return _Line(connection)


def main() -> None:
    if sys.version_info < OLDEST_PYTHON:
        sys.exit("this Python is too old: " + platform.python_version())
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # whoever started it may have ignored it
    parent = os.getppid()
    order = _take_order()
    try:
        line = _connect(order.pop("port"), order.pop("token"), parent)
        agent = _load(line, order)
        if agent is not None:
            _serve(line, agent)
    except _Gone:
        pass  # threads of the agent that never end meet the end of the watch


if __name__ == "__main__":
    main()
