"""`python -m kis_simulator --port 9443`: the simulated KIS as a command, for development and for other people's clients."""

import argparse
import importlib.util
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

try:
    from kis_simulator.faults import faults
    from kis_simulator.simulator import Simulator, running_clock
except ModuleNotFoundError as missing:  # most often the system's Python
    print(
        f"파이썬 패키지 {missing.name}이(가) 없습니다. 가상환경을 켜거나(source .venv/bin/activate) "
        "설치하세요: python -m pip install -r requirements.txt",
        file=sys.stderr,
    )
    raise SystemExit(2) from None


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="KIS Open API 모의 서버 (127.0.0.1)")
    parser.add_argument("--port", type=int, default=9443)
    parser.add_argument("--ws-port", type=int, help="WebSocket 포트 (기본: --port + 1)")
    parser.add_argument("--env", choices=("real", "vts"), default="real")
    parser.add_argument("--rate", type=float, help="초당 허용 호출 수 (기본: real 18, vts 1)")
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--jitter-ms", type=float, default=0)
    parser.add_argument("--at", type=datetime.fromisoformat, help="시작 시각(KST), 예: 2026-11-20T10:00")
    parser.add_argument("--replay", type=Path, help="fetch_minute_data.py --doctor --record 로 녹화한 파일")
    parser.add_argument("--fault", action="append", default=[], help="예: empty:rate=0.015,path=past")
    parser.add_argument("--set", action="append", default=[], dest="switches", help="예: late_rows=1, limit=5")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(argv)


def switch(spec: str, *groups: object) -> None:
    """`name=value` into the group that has a switch of that name. Raises `ValueError`."""
    name, _, text = spec.partition("=")
    group = next((group for group in groups if name in vars(group)), None)
    if group is None:
        raise ValueError(f"{name!r}: 그런 이름이 없습니다 (docs/simulator.md)")
    kind = type(vars(group)[name])
    setattr(group, name, text.lower() in ("1", "true", "yes") if kind is bool else kind(text))


def _has_websockets() -> bool:
    return importlib.util.find_spec("websockets") is not None


def _complain(line: str) -> int:
    """One line to stderr; the exit code of a usage error."""
    print(line, file=sys.stderr)
    return 2


def main(argv: Sequence[str] | None = None) -> int:
    args = _arguments(argv)
    rate = args.rate or (18 if args.env == "real" else 1)
    try:
        simulator = Simulator(
            now=running_clock(args.at) if args.at else None, rate=rate, latency=args.latency_ms / 1000,
            jitter=args.jitter_ms / 1000, env=args.env, seed=args.seed, replay=args.replay, ws=_has_websockets(),
        )  # fmt: skip
    except (OSError, ValueError) as error:
        return _complain(f"--replay 파일을 읽을 수 없습니다: {args.replay} ({error})")
    try:
        for spec in args.fault:
            simulator.add_fault(**faults.parse(spec))
    except (TypeError, ValueError) as error:
        return _complain(f"--fault 값을 읽을 수 없습니다: {error}")
    try:
        for spec in args.switches:
            switch(spec, simulator.behaviour, simulator.stream.behaviour, simulator.stream.form)
    except ValueError as error:
        return _complain(f"--set 값을 읽을 수 없습니다: {error}")
    try:
        url = simulator.start(args.port, args.ws_port)
    except OSError as error:
        ports = f"{args.port} 또는 {args.ws_port or args.port + 1}"
        return _complain(f"포트 {ports}을(를) 열 수 없습니다 ({error.strerror}). --port, --ws-port 로 바꾸세요.")
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    print(f"KIS 모의 서버: {url} ({args.env}, 초당 {rate:g}건, 서버 시각 {simulator.now():%Y-%m-%d %H:%M}, 끝 Ctrl-C)")
    lines = [f"KIS_ENV={args.env}", f"KIS_BASE_URL={url}", "KIS_APP_KEY=demo", "KIS_APP_SECRET=demo"]
    if args.at:
        lines.append(f"CLOCK_AT={args.at.isoformat()}")
    if simulator.ws_url:
        lines.append(f"KIS_WS_URL={simulator.ws_url}")
    else:
        print("WebSocket 없이 시작합니다. 쓰려면: pip install -r requirements-extra.txt", file=sys.stderr)
    print("\n".join([".env에 적을 것:", *lines]), flush=True)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    while not stop.wait(1):
        pass
    simulator.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
