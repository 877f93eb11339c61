"""`python -m kis_simulator`: the simulated KIS as a command, for development and for other people's clients."""

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
        f"파이썬 패키지가 없습니다: {missing.name}. 가상환경을 켜거나(source .venv/bin/activate) "
        "설치하세요: python -m pip install -r requirements.txt",
        file=sys.stderr,
    )
    raise SystemExit(2) from None


_EXAMPLES = """\
예:
  python -m kis_simulator --port 9443 --at 2026-11-20T10:00
  python -m kis_simulator --fault empty:rate=0.015,path=past --set late_rows=0
  python -m kis_simulator --fault split:symbol=005930,ex_day=2026-11-20,factor=0.02

고장과 버릇의 이름: docs/simulator.md
"""


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m kis_simulator",
        description="KIS Open API 모의 서버: REST와 WebSocket (127.0.0.1에서만)",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    flags = made.add_argument_group("옵션")
    flags.add_argument("-h", "--help", action="help", help="이 도움말을 보이고 끝내기")
    flags.add_argument("--port", metavar="P", type=int, default=9443, help="REST 포트 (기본 9443)")
    flags.add_argument("--ws-port", metavar="P", type=int, help="WebSocket 포트 (기본: --port + 1)")
    flags.add_argument(
        "--env", choices=("real", "vts"), default="real", help="실전(real) 또는 모의투자(vts)처럼 (기본 real)"
    )
    flags.add_argument("--rate", metavar="N", type=float, help="키 하나의 초당 허용 호출 수 (기본: real 18, vts 1)")
    flags.add_argument("--latency-ms", metavar="MS", type=float, default=50, help="답하기까지의 시간, 밀리초 (기본 50)")
    flags.add_argument(
        "--jitter-ms", metavar="MS", type=float, default=0, help="거기에 더할 무작위 시간의 최대 (기본 0)"
    )
    flags.add_argument("--at", metavar="TIME", type=datetime.fromisoformat, help="시작 시각(KST), 예: 2026-11-20T10:00")
    flags.add_argument(
        "--replay", metavar="FILE", type=Path, help="fetch_minute_data.py --doctor --record 로 녹화한 파일"
    )
    flags.add_argument(
        "--fault", metavar="종류:…", action="append", default=[], help="고장, 예: empty:rate=0.015,path=past"
    )
    flags.add_argument(
        "--set", metavar="이름=값", action="append", default=[], dest="switches", help="버릇, 예: late_rows=1, limit=5"
    )
    flags.add_argument("--seed", metavar="N", type=int, default=1, help="같은 수면 같은 시장 (기본 1)")
    return made


def switch(spec: str, *groups: object) -> None:
    """Set `name=value` in the group that has a switch of that name. Raises `ValueError`."""
    name, _, text = spec.partition("=")
    group = next((group for group in groups if name in vars(group)), None)
    if group is None:
        raise ValueError(f"{name!r}: 그런 이름이 없습니다 (docs/simulator.md)")
    kind = type(vars(group)[name])
    setattr(group, name, text.lower() in ("1", "true", "yes") if kind is bool else kind(text))


def _complain(line: str) -> int:
    """Print one line to stderr; return the exit code of a usage error."""
    print(line, file=sys.stderr)
    return 2


def _simulator(args: argparse.Namespace) -> Simulator:
    """Return the simulator that the flags describe. Raises `ArgumentTypeError` in Korean."""
    part = f"--replay 파일을 읽을 수 없습니다: {args.replay}"
    try:
        simulator = Simulator(
            now=running_clock(args.at) if args.at else None, rate=args.rate or (18 if args.env == "real" else 1),
            latency=args.latency_ms / 1000, jitter=args.jitter_ms / 1000, env=args.env, seed=args.seed,
            replay=args.replay, ws=importlib.util.find_spec("websockets") is not None,
        )  # fmt: skip
        part = "--fault 값을 읽을 수 없습니다"
        for spec in args.fault:
            simulator.add_fault(**faults.parse(spec))
        part = "--set 값을 읽을 수 없습니다"
        for spec in args.switches:
            switch(spec, simulator.behaviour, simulator.stream.behaviour, simulator.stream.form)
    except (OSError, TypeError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{part}: {error}") from error
    return simulator


def _print_settings(simulator: Simulator, args: argparse.Namespace) -> None:
    """Print what belongs into the .env of the scripts."""
    now = f"{simulator.now():%Y-%m-%d %H:%M}"
    print(f"KIS 모의 서버: {simulator.url} ({args.env}, 초당 {simulator.rate:g}건, 서버 시각 {now}, 끝 Ctrl-C)")
    lines = [f"KIS_ENV={args.env}", f"KIS_BASE_URL={simulator.url}", "KIS_APP_KEY=demo", "KIS_APP_SECRET=demo"]
    lines += [f"CLOCK_AT={args.at.isoformat()}"] if args.at else []
    lines += [f"KIS_WS_URL={simulator.ws_url}"] if simulator.ws_url else []
    if not simulator.ws_url:
        print("WebSocket 없이 시작합니다. 쓰려면: pip install -r requirements-extra.txt", file=sys.stderr)
    print("\n".join([".env에 적을 것:", *lines]), flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM. Return 0, or 2 for flags that cannot be followed."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    args = _parser().parse_args(argv)
    try:
        simulator = _simulator(args)
        simulator.start(args.port, args.ws_port)
    except argparse.ArgumentTypeError as error:
        return _complain(str(error))
    except OSError as error:
        ports = f"{args.port} 또는 {args.ws_port or args.port + 1}"
        return _complain(f"포트를 열 수 없습니다: {ports} ({error.strerror}). --port, --ws-port 로 바꾸세요.")
    _print_settings(simulator, args)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    while not stop.wait(1):
        pass
    simulator.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
