"""Alerts, their cases, the runbook; dashboards; which metrics all of them rest on."""

import json
import re
import subprocess
import tempfile
from pathlib import Path

import yaml

HANGUL = re.compile("[가-힣]")
NAME = re.compile(r"\b(?:gyre|process)_[a-z0-9_]+")
RECORDED = re.compile(r"\bgyre:[a-z0-9_:]+")
# What a dashboard's expression holds before Grafana fills it in.
FILLED = {"$__rate_interval": "5m", "$job": ".*", "$instance": ".*"}


def rules_of(root):
    """All rules, by file."""
    files = sorted((root / "deploy/prometheus").glob("*.rules.yml")) + sorted(
        (root / "deploy/prometheus").glob("*.limits.yml")
    )
    return [rule for file in files for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


def promtool(*args):
    done = subprocess.run(["promtool", *map(str, args)], capture_output=True, text=True)
    return None if done.returncode == 0 else (done.stdout + done.stderr).strip()


def parse(rules):
    """What promtool finds wrong with rules."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rules.yml"
        file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}, allow_unicode=True))
        return promtool("check", "rules", file)


def anchors(text):
    """The paragraphs of a runbook: what follows a heading of the second level."""
    parts = re.split(r"^## (\S+)\n", text, flags=re.MULTILINE)[1:]
    return {name.lower(): body.strip() for name, body in zip(parts[::2], parts[1::2])}


def cases(root):
    """Which alerts some case expects to fire, and which to stay silent."""
    fire, silent = set(), set()
    for file in sorted((root / "deploy/prometheus").glob("*.tests.yml")):
        for case in yaml.safe_load(file.read_text())["tests"]:
            for test in case.get("promql_expr_test", []):
                alert = re.search(r'ALERTS\{alertname="(\w+)", alertstate="firing"', test["expr"])
                if alert:
                    (fire if test["exp_samples"] else silent).add(alert[1])
            for test in case.get("alert_rule_test", []):
                (fire if test["exp_alerts"] else silent).add(test["alertname"])
    return fire, silent


def alerts(root):
    faults = []
    rules = [rule for rule in rules_of(root) if "alert" in rule]
    names = {rule["alert"] for rule in rules}
    fire, silent = cases(root)
    books = {"runbook": "runbook.md", "runbook_ko": "runbook.ko.md"}
    paragraphs = {key: anchors((root / "deploy" / file).read_text()) for key, file in books.items()}
    for rule in rules:
        name, notes = rule["alert"], rule.get("annotations", {})
        faults += [f"{name} has no case in which it fires"] if name not in fire else []
        faults += [f"{name} has no case in which it stays silent"] if name not in silent else []
        if rule.get("labels", {}).get("severity") not in {"page", "ticket"}:
            faults.append(f"{name} is neither page nor ticket")
        summary, summary_ko = notes.get("summary", ""), notes.get("summary_ko", "")
        if not summary or HANGUL.search(summary):
            faults.append(f"{name} has no English summary")
        if not HANGUL.search(summary_ko):
            faults.append(f"{name} has no Korean summary")
        if re.findall(r"\{\{.*?\}\}", summary) and sorted(re.findall(r"\{\{.*?\}\}", summary)) != sorted(
            re.findall(r"\{\{.*?\}\}", summary_ko)
        ):
            faults.append(f"{name} says other things in Korean than in English")
        for key, file in books.items():
            if notes.get(key) != f"deploy/{file}#{name.lower()}":
                faults.append(f"{name} does not lead to its paragraph of {file}")
            body = paragraphs[key].get(name.lower(), "")
            if len(body) < 100 or (key == "runbook_ko") != bool(HANGUL.search(body)):
                faults.append(f"{name} has no paragraph in {file}")
    known = {name.lower() for name in names}
    for key, file in books.items():
        faults += [f"{file} tells of {name}, which is no alert" for name in paragraphs[key] if name not in known]
    faults += [f"cases are about {name}, which is no alert" for name in (fire | silent) - names]
    return (
        f"{len(rules)} alerts: each with cases that fire and that stay silent, and a paragraph in both languages",
        faults,
    )


def boards_of(root):
    return {file: json.loads(file.read_text()) for file in sorted((root / "deploy/grafana/dashboards").glob("*.json"))}


def expressions(board):
    """Where in a dashboard which expressions are."""
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for note in board["annotations"]["list"]:
        yield f"annotation {note['name']}", note["expr"]


def filled(expr):
    for name, value in FILLED.items():
        expr = expr.replace(name, value)
    return expr


def sources(value):
    """Every data source that is named anywhere in a dashboard."""
    if isinstance(value, dict):
        found = [value["datasource"]] if "datasource" in value else []
        return found + [source for inner in value.values() for source in sources(inner)]
    return [source for inner in value for source in sources(inner)] if isinstance(value, list) else []


def dashboards(root):
    faults, exprs = [], []
    boards = boards_of(root)
    recorded = {rule["record"] for rule in rules_of(root) if "record" in rule}
    for file, board in boards.items():
        if board.get("uid") != file.stem:
            faults.append(f"{file.name} has the uid {board.get('uid')}, not its file's name")
        variables = {variable["name"]: variable["type"] for variable in board["templating"]["list"]}
        if variables.get("datasource") != "datasource":
            faults.append(f"{file.name} has no variable datasource")
        if any(source.get("uid") != "${datasource}" for source in sources(board)):
            faults.append(f"{file.name} names a data source of its own")
        ids = [panel["id"] for panel in board["panels"]]
        faults += [f"{file.name} has two panels of one id"] if len(ids) != len(set(ids)) else []
        for title, expr in expressions(board):
            exprs.append(filled(expr))
            faults += [
                f"{file.name}, {title}: {name} is not recorded"
                for name in RECORDED.findall(expr)
                if name not in recorded
            ]
            faults += (
                [f"{file.name}, {title}: {expr} holds a variable that is not known"] if "$" in filled(expr) else []
            )
    # All at once, and one by one only where something is wrong.
    if parse([{"record": "gyre:panel", "expr": expr} for expr in exprs]):
        wrong = [(expr, parse([{"record": "gyre:panel", "expr": expr}])) for expr in exprs]
        faults += [f"{expr} does not parse: {said}" for expr, said in wrong if said]
    faults += (
        ["dashboards are not what deploy/grafana/dashboards.py writes: BLESS=1 tests/deploy dashboards"]
        if not is_written(root, boards)
        else []
    )
    faults += ["there is no dashboard"] if not boards else []
    return f"{len(boards)} with {len(exprs)} expressions that parse", faults


def is_written(root, boards):
    """Whether the program that writes dashboards would write these."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "dashboards.py"
        program.write_text((root / "deploy/grafana/dashboards.py").read_text())
        (Path(folder) / "dashboards").mkdir()
        subprocess.run(["python3", program], check=True)
        made = {file.name: file.read_text() for file in (Path(folder) / "dashboards").iterdir()}
    return made == {file.name: file.read_text() for file in boards}


def used(root):
    """Every metric that alerts and dashboards rest on."""
    exprs = [rule["expr"] for rule in rules_of(root)]
    exprs += [expr for board in boards_of(root).values() for _, expr in expressions(board)]
    exprs += [
        variable["query"]["query"]
        for board in boards_of(root).values()
        for variable in board["templating"]["list"]
        if variable["type"] == "query"
    ]
    return {name for expr in exprs for name in NAME.findall(RECORDED.sub("", expr))}


def scrape(root, file):
    there = set(re.findall(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)[{ ]", Path(file).read_text(), flags=re.MULTILINE))
    wanted = used(root)
    return f"{len(wanted)} metrics are used, and all are in {file}", [
        f"{name} is used, and is not in {file}" for name in sorted(wanted - there)
    ]
