"""Whether checks bite: each of these breaks a copy of deploy/, and some check must say so."""

import contextlib
import os
import re
import shutil
from pathlib import Path

import live
import machines
import manifests
import watching

PROM, HELM, UNITS = "deploy/prometheus/gyre.rules.yml", "deploy/helm/gyre/", "deploy/systemd/gyre.service"
# check, file, what stands there (a pattern), what is put in its place, what the fault must speak of
BREAKS = [
    (
        watching.alerts,
        "deploy/runbook.ko.md",
        r"## GyreDown\n",
        "## GyreUp\n",
        "GyreDown has no paragraph in runbook.ko.md",
    ),
    (
        watching.alerts,
        "deploy/runbook.md",
        r"(?s)(## GyreBurn1x\n).*",
        r"\1Soon.\n",
        "GyreBurn1x has no paragraph in runbook.md",
    ),
    (
        watching.alerts,
        PROM,
        "alert: GyreDiskFull",
        "alert: GyreDiskFuller",
        "GyreDiskFuller has no case in which it fires",
    ),
    (watching.alerts, PROM, "summary_ko: 'Gyre가 [^']*'", "summary_ko: 'Gyre'", "has no Korean summary"),
    (
        watching.alerts,
        PROM,
        r"runbook: deploy/runbook.md#gyredown",
        "runbook: deploy/runbook.md",
        "GyreDown does not lead",
    ),
    (watching.alerts, PROM, "severity: ticket", "severity: maybe", "neither page nor ticket"),
    (
        watching.alerts,
        "deploy/prometheus/gyre.tests.yml",
        r"(GyreWorkerSkew.*)exp_samples: \[\]",
        r"\1exp_samples: [{labels: '{}', value: 1}]",
        "GyreWorkerSkew has no case in which it stays silent",
    ),
    (
        watching.dashboards,
        "deploy/grafana/dashboards/gyre-books.json",
        r'"uid": "gyre-books"',
        '"uid": "abc"',
        "has the uid abc",
    ),
    (
        watching.dashboards,
        "deploy/grafana/dashboards/gyre-engine.json",
        r"histogram_quantile\(0.99,",
        "histogram_quantile(0.99",
        "does not parse",
    ),
    (
        watching.dashboards,
        "deploy/grafana/dashboards/gyre-engine.json",
        r'"uid": "\$\{datasource\}"',
        '"uid": "mine"',
        "names a data source of its own",
    ),
    (
        watching.dashboards,
        "deploy/grafana/dashboards/gyre-engine.json",
        r'"gyre:memory_limit_bytes"',
        '"gyre:memory_limit"',
        "is not recorded",
    ),
    (watching.dashboards, "deploy/grafana/dashboards.py", r'"Wagers"', '"Bets"', "are not what"),
    (manifests.chart, HELM + "templates/statefulset.yaml", "runAsNonRoot: true", "runAsNonRoot: false", "may be root"),
    (
        manifests.chart,
        HELM + "templates/_names.tpl",
        "readOnlyRootFilesystem: true",
        "readOnlyRootFilesystem: false",
        "its root can be written",
    ),
    (
        manifests.chart,
        HELM + "templates/_names.tpl",
        r"limits: \{cpu: \{\{ .cpu",
        'limits: {cpu: {{ "9" ',
        "its requests are not its limits",
    ),
    (manifests.chart, HELM + "templates/_names.tpl", r"drop: \[ALL\]", "drop: []", "keeps capabilities"),
    (
        manifests.chart,
        HELM + "templates/statefulset.yaml",
        "podManagementPolicy: Parallel",
        "podManagementPolicy: OrderedReady",
        "podManagementPolicy",
    ),
    (manifests.chart, HELM + "templates/statefulset.yaml", "type: OnDelete", "type: RollingUpdate", "updateStrategy"),
    (manifests.chart, HELM + "templates/statefulset.yaml", '"livez"', '"readyz"', "livenessProbe asks"),
    (manifests.chart, HELM + "templates/statefulset.yaml", "periodSeconds: 20", "periodSecond: 20", "periodSecond"),
    (
        manifests.chart,
        HELM + "templates/statefulset.yaml",
        "apiVersion: apps/v1",
        "apiVersion: apps/v1beta1",
        "Couldn't find schema",
    ),
    (
        manifests.chart,
        HELM + "templates/service.yaml",
        "publishNotReadyAddresses: true",
        "publishNotReadyAddresses: false",
        "hides pods",
    ),
    (manifests.chart, HELM + "templates/service.yaml", "name: scrape,", "name: metrics,", "no port scrape"),
    (manifests.chart, HELM + "templates/scrape.yaml", "scheme: https", "scheme: http", "without TLS"),
    (manifests.chart, HELM + "values.yaml", "tag: 1.28.0", "tag: latest", "tag"),
    (manifests.chart, HELM + "cases/watched.yaml", "workers: 4", "workers: 400", "workers"),
    (
        manifests.chart,
        HELM + "values.schema.json",
        '"trustedNetwork": {"const": true}',
        '"trustedNetwork": {}',
        "the schema takes processes in a network",
    ),
    (manifests.chart, HELM + "templates/_names.tpl", r"\$at }}\.{{ include", "0 }}.{{ include", "does not name the 3 pods"),
    (
        manifests.chart,
        HELM + "templates/networkpolicy.yaml",
        "    - to:\n        - podSelector:",
        "    - to:\n        - ipBlock: {cidr: 10.0.0.0/8}\n        - namespaceSelector:",
        "keeps the processes apart: egress",
    ),
    (manifests.chart, HELM + "templates/networkpolicy.yaml", "(?s).*", "", "there is no NetworkPolicy"),
    (manifests.chart, PROM, r"expr: sum by \(job, instance, source\)", "expr: sum by job", "PrometheusRule"),
    (
        manifests.kustomize,
        "deploy/kustomize/base/gyre.yaml",
        "OnDelete",
        "RollingUpdate",
        "the base is not what the chart makes",
    ),
    (
        manifests.kustomize,
        "deploy/kustomize/overlays/example/kustomization.yaml",
        "digest: .*",
        "newTag: latest",
        "says no version",
    ),
    (
        manifests.kustomize,
        "deploy/kustomize/overlays/example/kustomization.yaml",
        "path: config.yaml",
        "path: other.yaml",
        "other.yaml",
    ),
    (machines.compose, "deploy/compose.yaml", "image: postgres:15.14", "image: postgres", "says no version"),
    (machines.compose, "deploy/compose.yaml", "user: postgres", "user: root", "may be root"),
    (machines.compose, "deploy/compose.yaml", "127.0.0.1:9090:9090", "9090:9090", "open to all the world"),
    (machines.compose, "deploy/compose.yaml", "mem_limit: 4g", "mem_limit: 8g", "not what it may have"),
    (machines.compose, "deploy/compose.yaml", r"\./compose/gyre.toml", "./compose/gyre.tml", "is not there"),
    (machines.compose, "deploy/compose.yaml", r'    ports: \["127.0.0.1:9090:9090"\]', "    ports: {a: [b]}", None),
    (machines.compose, "deploy/compose.yaml", "read_only: true", "read_only: false", "its root can be written"),
    (machines.compose, "deploy/compose/gyre.toml", "brokers =", "broker =", "there is no setting"),
    (machines.container, "deploy/container/Containerfile", "FROM scratch", "FROM debian:latest", "not an empty image"),
    (machines.container, "deploy/container/Containerfile", "USER 65532:65532", "USER root", "ends as root"),
    (machines.container, "rust-toolchain.toml", "1.95.0", "1.96.0", "not built with Rust 1.96.0"),
    (machines.container, "deploy/container/Containerfile", "kafka-tls,", "kafka-ssl,", "no feature kafka-ssl"),
    (machines.systemd, UNITS, "ProtectSystem=strict", "ProtectSystem=sometimes", "ProtectSystem"),
    (machines.systemd, UNITS, "(?m)^(Protect|Private|Restrict|System|Capability|Lock|NoNew).*\n", "", "is exposed"),
    (
        machines.systemd,
        "deploy/systemd/gyre-live.timer",
        "OnUnitInactiveSec=30",
        "OnUnitInactiveSec=often",
        "Failed to parse timer",
    ),
    (live.proxy, HELM + "files/scrape.conf", "location = /metrics", "location /", "/v1/status"),
    (live.proxy, HELM + "files/scrape.conf", "default 0", "default 1", "without a token"),
    (live.proxy, HELM + "files/scrape.conf", 'proxy_set_header Authorization "";', "", "403"),
]
ARGS = {machines.systemd: 1, live.proxy: 1}


@contextlib.contextmanager
def quietly():
    """What tools complain of is looked for in the faults."""
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)


def all_found(root, scratch):
    faults = []
    for number, (check, file, old, new, said) in enumerate(BREAKS):
        copy = Path(scratch) / str(number)
        copy.mkdir()
        shutil.copytree(root / "deploy", copy / "deploy", symlinks=True)
        for name in ("Cargo.toml", "rust-toolchain.toml"):
            shutil.copy(root / name, copy / name)
        text = (copy / file).read_text()
        broken = re.sub(old, new, text)
        what = f"{check.__name__}: {file} with {new!r}"
        if broken == text:
            faults.append(f"{what}: there is nothing to break")
            continue
        (copy / file).write_text(broken)
        rest = [tempfile_of(copy)] * ARGS.get(check, 0)
        with quietly():
            found = check(copy, *rest)[1]
        if not any(said is None or said in fault for fault in found):
            faults.append(f"{what} is not found: {found}")
        shutil.rmtree(copy)
    return f"{len(BREAKS)} ways to break deploy/, and each is found", faults


def tempfile_of(copy):
    folder = copy / "scratch"
    folder.mkdir()
    return folder
