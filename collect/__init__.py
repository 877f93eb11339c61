"""The jobs: plan, collector, backfill and its report, a day of rounds, the stream, settle, pool, troubles, holidays,
demo. May import every wing below; `demo` alone the simulator.
"""
