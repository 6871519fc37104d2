"""Many visitors at once.

    python benchmarks/app_load.py --checkpoint checkpoints/novel

Starts app.py, lets clients ask /generate again and again for a while, and tells errors, texts that
were not the asker's own, waiting times, throughput and the server's memory. Every text is compared
with the one that the same request got from an idle server.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import re
import statistics
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parents[1]
PROMPTS = (
    "小满坐在船头，数着河边的石阶。",
    "次日，天还没有亮，他就出了门。",
    "“你来了。”她笑道，“坐罢。”",
    "众人听了，都不言语。",
)
SEEDS = 6  # each prompt with so many seeds


class Answer(NamedTuple):
    """What came of one request."""

    text: str | None  # None: an error, told in `problem`
    first: float  # seconds until the first text
    whole: float  # seconds until the last
    problem: str = ""


def ask(port: int, prompt: str, seed: int, length: int) -> Answer:
    """One request over plain HTTP, followed to its end."""
    began, first = time.monotonic(), None
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as connection:
            body = json.dumps({"prompt": prompt, "seed": seed, "max_length": length})
            connection.request(
                "POST", "/gradio_api/call/v2/generate", body, {"Content-Type": "application/json"}
            )
            reply = connection.getresponse()
            told = json.load(reply)
            if reply.status != 200:
                return Answer(None, 0, 0, f"HTTP {reply.status}: {told}")
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as connection:
            connection.request("GET", f"/gradio_api/call/generate/{told['event_id']}")
            kind = ""
            for line in connection.getresponse():
                if line.startswith(b"event: "):
                    kind = line[7:].strip().decode()
                elif line.startswith(b"data: ") and kind == "generating" and first is None:
                    first = time.monotonic() - began
                elif line.startswith(b"data: ") and kind in ("complete", "error"):
                    data, whole = json.loads(line[6:]), time.monotonic() - began
                    return (
                        Answer(data[0]["text"], first or whole, whole)
                        if kind == "complete"
                        else Answer(None, 0, 0, str(data))
                    )
        return Answer(None, 0, 0, "the stream ended early")
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(None, 0, 0, repr(error))


def visit(
    port: int,
    number: int,
    length: int,
    until: float,
    expected: dict[tuple[str, int], str],
    answers: list[Answer],
) -> None:
    """One client: asks until the time is over."""
    chance = random.Random(number)
    while time.monotonic() < until:
        prompt, seed = chance.choice(list(expected))
        answer = ask(port, prompt, seed, length)
        if answer.text is not None and answer.text != expected[prompt, seed]:
            answer = answer._replace(
                text=None, problem=f"WRONG TEXT: {answer.text!r} for {expected[prompt, seed]!r}"
            )
        answers.append(answer)


def memory(process: subprocess.Popen) -> float:
    """The server's resident memory in MiB (Linux)."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def start(checkpoint: Path, port: int) -> subprocess.Popen:
    """app.py on `port`, ready to answer."""
    command = [
        sys.executable,
        PROJECT / "app.py",
        "--checkpoint",
        checkpoint.absolute(),
        "--port",
        str(port),
    ]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE)
    if b"http" not in process.stdout.readline():
        sys.exit("the app did not start")
    return process


def at(values: list[float], share: float) -> float:
    """The quantile of some values."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def report(answers: list[Answer], seconds: float, levels: list[float]) -> None:
    """Prints what was measured; `levels`: the memory before, every second meanwhile, after."""
    good = [answer for answer in answers if answer.text is not None]
    problems = [answer.problem for answer in answers if answer.text is None]
    print(
        f"requests {len(answers)}, errors {len(problems)}, "
        f"of these wrong texts {sum(each.startswith('WRONG') for each in problems)}"
    )
    for problem in sorted(set(problems))[:5]:
        print("  ", problem[:300])
    for name, values in (
        ("first text", [each.first for each in good]),
        ("whole text", [each.whole for each in good]),
    ):
        print(
            f"{name}: median {statistics.median(values):.2f} s, "
            f"95 % {at(values, 0.95):.2f} s, longest {max(values):.2f} s"
        )
    print(
        f"throughput {sum(len(each.text) for each in good) / seconds:.0f} characters/s, "
        f"{len(good) / seconds:.1f} requests/s"
    )
    print(
        f"memory before {levels[0]:.0f} MiB, most {max(levels):.0f} MiB, after {levels[-1]:.0f} MiB"
    )
    half = len(levels) // 2
    print(
        f"memory by time: {' '.join(f'{level:.0f}' for level in levels[1:-1:10])} MiB; "
        f"second half {max(levels[half:]) - levels[half]:+.0f} MiB"
    )


def main() -> None:
    """Runs the visitors and prints what they met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--clients", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--max-length", type=int, default=60)
    parser.add_argument("--port", type=int, default=7999)
    args = parser.parse_args()
    process = start(args.checkpoint, args.port)
    try:
        wanted = [(prompt, seed) for prompt in PROMPTS for seed in range(SEEDS)]
        expected = {each: ask(args.port, *each, args.max_length).text for each in wanted}
        answers: list[Answer] = []
        levels, until = [memory(process)], time.monotonic() + args.seconds
        clients = [
            threading.Thread(
                target=visit, args=(args.port, number, args.max_length, until, expected, answers)
            )
            for number in range(args.clients)
        ]
        began = time.monotonic()
        for client in clients:
            client.start()
        while any(client.is_alive() for client in clients):
            time.sleep(1)
            levels.append(memory(process))
        seconds = time.monotonic() - began
        time.sleep(5)
        levels.append(memory(process))
        report(answers, seconds, levels)
    finally:
        process.terminate()
        process.wait(timeout=30)


if __name__ == "__main__":
    main()
