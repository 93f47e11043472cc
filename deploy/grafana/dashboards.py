#!/usr/bin/env python3
"""Writes the dashboards: `deploy/grafana/dashboards.py` after a change here. What is in dashboards/ is what this writes.

A row is (title, panels); a panel is (kind, title, unit, what it says, [(expression, legend)], thresholds).
"""

import json
from pathlib import Path

ALL = 'job=~"$job", instance=~"$instance"'


def rate(name, by):
    return f"sum by ({by}) (rate({name}{{{ALL}}}[$__rate_interval]))"


def quantile(name, share, by=""):
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({name}_bucket{{{ALL}}}[$__rate_interval])))"


BOOKS = (
    "gyre-books",
    "Gyre: the books / 장부",
    [
        (
            "Are the books right, and how fresh are they? / 장부는 맞고 최신인가?",
            [
                (
                    "stat",
                    "Imbalance",
                    "none",
                    "Σ of all balances, minor units; anything but 0 is wrong books",
                    [(f"sum by (currency) (gyre_ledger_imbalance_minor_units{{{ALL}}})", "{{currency}}")],
                    # Below zero is as wrong as above.
                    [(None, "red"), (0, "green"), (1, "red")],
                ),
                (
                    "stat",
                    "Age of the books",
                    "s",
                    "Since the last tick that every worker has closed",
                    [(f'time() - min(gyre_frontier_timestamp_seconds{{stage="outputs", {ALL}}})', "")],
                    [(None, "green"), (10, "orange"), (30, "red")],
                ),
                (
                    "stat",
                    "Books are back",
                    "none",
                    "1 once they stand as they did before the start",
                    [(f"min(gyre_hydrated{{{ALL}}})", "")],
                    [(None, "orange"), (1, "green")],
                ),
                (
                    "stat",
                    "Settled within 2.5 s",
                    "percentunit",
                    "Over six hours; 99.9 % is the promise",
                    [('1 - gyre:settlement_slow:ratio_rate6h{job=~"$job"}', "")],
                    [(None, "red"), (0.999, "green")],
                ),
                (
                    "stat",
                    "Start",
                    "none",
                    "How often the job was started",
                    [(f"max(gyre_generation{{{ALL}}})", "")],
                    None,
                ),
                (
                    "stat",
                    "Built",
                    "none",
                    "Version",
                    [(f"max by (version, features) (gyre_build_info{{{ALL}}})", "{{version}} {{features}}")],
                    None,
                ),
            ],
        ),
        (
            "Money and play / 금액과 베팅",
            [
                (
                    "timeseries",
                    "Wagers",
                    "short",
                    "By where they stand",
                    [(f"sum by (state) (gyre_wagers{{{ALL}}})", "{{state}}")],
                    None,
                ),
                (
                    "timeseries",
                    "Held payouts",
                    "none",
                    "Minor units",
                    [(f"sum by (currency) (gyre_held_amount_minor_units{{{ALL}}})", "{{currency}}")],
                    None,
                ),
                (
                    "timeseries",
                    "Anomalies that stand",
                    "short",
                    "",
                    [(f"sum by (kind, severity) (gyre_anomalies_open{{{ALL}}}) > 0", "{{kind}} ({{severity}})")],
                    None,
                ),
                (
                    "timeseries",
                    "Games out of band",
                    "short",
                    "",
                    [(f"sum(gyre_rtp_out_of_band_games{{{ALL}}})", "games")],
                    None,
                ),
            ],
        ),
        (
            "What is set aside / 거부와 격리",
            [
                (
                    "timeseries",
                    "Rejects that stand",
                    "short",
                    "",
                    [(f"sum by (cause) (gyre_rejects{{{ALL}}}) > 0", "{{cause}}")],
                    None,
                ),
                (
                    "timeseries",
                    "In quarantine",
                    "short",
                    "",
                    [(f"sum by (cause) (gyre_quarantine_records{{{ALL}}}) > 0", "{{cause}}")],
                    None,
                ),
                (
                    "timeseries",
                    "Oldest in quarantine",
                    "s",
                    "",
                    [(f"time() - min(gyre_quarantine_oldest_timestamp_seconds{{{ALL}}})", "age")],
                    None,
                ),
                (
                    "timeseries",
                    "Asked of providers",
                    "reqps",
                    "",
                    [(rate("gyre_recollect_attempts_total", "cause, attempt"), "{{cause}}, lap {{attempt}}")],
                    None,
                ),
                (
                    "timeseries",
                    "Recovered",
                    "ops",
                    "",
                    [(rate("gyre_recovered_total", "attempt"), "after {{attempt}} laps")],
                    None,
                ),
                (
                    "timeseries",
                    "Faults of records themselves",
                    "ops",
                    "",
                    [
                        (rate("gyre_input_decode_errors_total", "source, cause"), "{{source}}: {{cause}}"),
                        (f"sum(rate(gyre_input_duplicates_total{{{ALL}}}[$__rate_interval]))", "duplicates"),
                    ],
                    None,
                ),
            ],
        ),
    ],
)

ENGINE = (
    "gyre-engine",
    "Gyre: the engine / 엔진",
    [
        (
            "What comes in / 입력",
            [
                (
                    "timeseries",
                    "Records",
                    "ops",
                    "",
                    [(rate("gyre_input_records_total", "source"), "{{source}}")],
                    None,
                ),
                ("timeseries", "Bytes", "Bps", "", [(rate("gyre_input_bytes_total", "source"), "{{source}}")], None),
                (
                    "timeseries",
                    "Since the last record",
                    "s",
                    "",
                    [(f"time() - max by (source) (gyre_input_last_record_timestamp_seconds{{{ALL}}})", "{{source}}")],
                    None,
                ),
                (
                    "timeseries",
                    "Oldest record that is not in every sink",
                    "s",
                    "",
                    [(f"time() - min(gyre_input_oldest_unprocessed_timestamp_seconds{{{ALL}}})", "age")],
                    None,
                ),
            ],
        ),
        (
            "How far and how fast / 진행과 지연",
            [
                (
                    "timeseries",
                    "Behind the clock",
                    "s",
                    "",
                    [
                        (f"time() - min by (stage) (gyre_frontier_timestamp_seconds{{{ALL}}})", "{{stage}}"),
                        (f"time() - min by (sink) (gyre_output_frontier_timestamp_seconds{{{ALL}}})", "sink {{sink}}"),
                    ],
                    None,
                ),
                (
                    "timeseries",
                    "From reading to every sink",
                    "s",
                    "",
                    [
                        (quantile("gyre_settlement_latency_seconds", q), n)
                        for q, n in [(0.5, "median"), (0.99, "99 %"), (0.999, "99.9 %")]
                    ],
                    None,
                ),
                (
                    "timeseries",
                    "Budget burnt",
                    "none",
                    "1 is as fast as may be for ever",
                    [
                        (f'gyre:settlement_slow:ratio_rate{w}{{job=~"$job"}} / 0.001', w)
                        for w in ["5m", "1h", "6h", "3d"]
                    ],
                    None,
                ),
                (
                    "timeseries",
                    "Bringing the books back",
                    "s",
                    "How long it took, or takes",
                    [(f"gyre_hydration_duration_seconds{{{ALL}}}", "{{instance}}")],
                    None,
                ),
            ],
        ),
        (
            "The dataflow / 데이터플로",
            [
                (
                    "timeseries",
                    "Busy, by stage",
                    "none",
                    "Cores",
                    [(rate("gyre_stage_busy_seconds_total", "stage"), "{{stage}}")],
                    None,
                ),
                (
                    "timeseries",
                    "Busy, by worker",
                    "none",
                    "Cores",
                    [(rate("gyre_stage_busy_seconds_total", "worker"), "{{worker}}")],
                    None,
                ),
                (
                    "timeseries",
                    "A step of a worker",
                    "s",
                    "",
                    [(quantile("gyre_step_duration_seconds", q), n) for q, n in [(0.5, "median"), (0.99, "99 %")]],
                    None,
                ),
            ],
        ),
        (
            "What waits, and the sinks / 대기와 싱크",
            [
                (
                    "timeseries",
                    "Buffers, filled",
                    "percentunit",
                    "",
                    [(f"gyre_buffered_bytes{{{ALL}}} / gyre_buffer_capacity_bytes{{{ALL}}}", "{{endpoint}}")],
                    None,
                ),
                (
                    "timeseries",
                    "Held up",
                    "percentunit",
                    "Share of the time",
                    [(rate("gyre_stall_seconds_total", "endpoint"), "{{endpoint}}")],
                    None,
                ),
                (
                    "timeseries",
                    "Changes committed",
                    "ops",
                    "",
                    [(rate("gyre_output_records_total", "sink"), "{{sink}}")],
                    None,
                ),
                (
                    "timeseries",
                    "A commit, 99 %",
                    "s",
                    "",
                    [(quantile("gyre_output_commit_duration_seconds", 0.99, "sink"), "{{sink}}")],
                    None,
                ),
                (
                    "timeseries",
                    "Commits that failed",
                    "ops",
                    "",
                    [(rate("gyre_output_errors_total", "sink, kind"), "{{sink}}: {{kind}}")],
                    None,
                ),
            ],
        ),
        (
            "The process / 프로세스",
            [
                (
                    "timeseries",
                    "Memory",
                    "bytes",
                    "",
                    [(f"process_resident_memory_bytes{{{ALL}}}", "{{instance}}"), ("gyre:memory_limit_bytes", "limit")],
                    None,
                ),
                (
                    "timeseries",
                    "CPU",
                    "none",
                    "Cores",
                    [(rate("process_cpu_seconds_total", "instance"), "{{instance}}")],
                    None,
                ),
                (
                    "timeseries",
                    "Descriptors and threads",
                    "short",
                    "",
                    [(f"process_open_fds{{{ALL}}}", "descriptors"), (f"process_threads{{{ALL}}}", "threads")],
                    None,
                ),
                (
                    "timeseries",
                    "Since the start",
                    "s",
                    "",
                    [(f"time() - process_start_time_seconds{{{ALL}}}", "{{instance}}")],
                    None,
                ),
            ],
        ),
    ],
)

SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def panel(identity, at, spec):
    kind, title, unit, says, expressions, thresholds = spec
    (x, y, w, h) = at
    defaults = {"unit": unit}
    if thresholds:
        defaults["thresholds"] = {"mode": "absolute", "steps": [{"value": v, "color": c} for v, c in thresholds]}
    made = {
        "id": identity,
        "type": kind,
        "title": title,
        "description": says,
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": w, "h": h},
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + n),
                "datasource": SOURCE,
                "expr": expr,
                "legendFormat": legend or "__auto",
                "range": kind != "stat",
                "instant": kind == "stat",
            }
            for n, (expr, legend) in enumerate(expressions)
        ],
    }
    if kind == "stat":
        by_name = title == "Built"
        made["options"] = {
            "reduceOptions": {"calcs": ["lastNotNull"]},
            "colorMode": "background",
            "textMode": "name" if by_name else "auto",
        }
    else:
        made["options"] = {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    return made


def variable(name, label, query):
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def dashboard(uid, title, rows):
    panels, y, identity = [], 0, 0
    for name, specs in rows:
        identity += 1
        panels.append(
            {
                "id": identity,
                "type": "row",
                "title": name,
                "collapsed": False,
                "panels": [],
                "gridPos": {"x": 0, "y": y, "w": 24, "h": 1},
            }
        )
        y += 1
        x = 0
        stats = [spec for spec in specs if spec[0] == "stat"]
        for spec in specs:
            w, h = (24 // len(stats), 5) if spec[0] == "stat" else (8, 8)
            if x + w > 24:
                x, y = 0, y + h
            identity += 1
            panels.append(panel(identity, (x, y, w, h), spec))
            x += w
        y += h
    return {
        "uid": uid,
        "title": title,
        "tags": ["gyre"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "utc",
        "panels": panels,
        "annotations": {
            "list": [
                {
                    "name": "Starts",
                    "enable": True,
                    "datasource": SOURCE,
                    "iconColor": "orange",
                    "expr": f"changes(gyre_generation{{{ALL}}}[1m]) > 0",
                    "titleFormat": "start",
                }
            ]
        },
        "links": [
            {
                "type": "dashboards",
                "title": "Gyre",
                "tags": ["gyre"],
                "asDropdown": False,
                "includeVars": True,
                "keepTime": True,
            }
        ],
        "templating": {
            "list": [
                {
                    "name": "datasource",
                    "label": "Prometheus",
                    "type": "datasource",
                    "query": "prometheus",
                    "current": {},
                    "hide": 0,
                },
                variable("job", "Job", "label_values(gyre_build_info, job)"),
                variable("instance", "Instance", 'label_values(gyre_build_info{job=~"$job"}, instance)'),
            ]
        },
    }


def main():
    folder = Path(__file__).parent / "dashboards"
    for uid, title, rows in [BOOKS, ENGINE]:
        text = json.dumps(dashboard(uid, title, rows), ensure_ascii=False, indent=1)
        (folder / f"{uid}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
