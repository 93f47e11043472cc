"""The Helm chart and the kustomize base: rendered, held against schemas of two Kubernetes versions, and a policy."""

import os
import re
import subprocess
import sys
from pathlib import Path

import helm_python as helm
import kubernetes_validate
import yaml

import watching

VERSIONS = ["1.34", "1.37"]
# Kinds of the Prometheus operator, which no Kubernetes schema knows; what matters in them is looked at below.
OPERATOR = {"ServiceMonitor", "PrometheusRule"}
MOVING = {"latest", "main", "edge", "stable", "nightly"}
# What the schema of the values must refuse, and why.
REFUSED = {
    "processes in a network that nobody vouches for": {"replicas": 2},
    "a tag that moves": {"image": {"tag": "latest"}},
    "requests apart from limits": {"resources": {"limits": {"cpu": "2"}}},
    "a misspelt name": {"worker": 2},
    "a monitor without a proxy": {"scrape": {"serviceMonitor": {"enabled": True}}},
    "a proxy without TLS and a token": {"scrape": {"enabled": True}},
    "a tunnel as it pleases": {"extraContainers": [{"name": "tunnel", "image": "tunnel:1"}]},
    "no config": {"config": ""},
}


def docs_of(text):
    return [doc for doc in yaml.safe_load_all(text) if doc]


def render(chart, values, name="books", namespace="prod"):
    made = chart.render(values, name=name, namespace=namespace)
    return [doc for file, text in sorted(made.items()) if file.endswith(".yaml") for doc in docs_of(text)]


def named(doc):
    return f"{doc['kind']} {doc['metadata']['name']}"


def valid(docs):
    """What the schemas say, strictly: a field that they do not know is a fault."""
    faults = []
    for doc in docs:
        for version in VERSIONS if doc["kind"] not in OPERATOR else []:
            try:
                kubernetes_validate.validate(doc, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                faults.append(
                    f"{named(doc)} in Kubernetes {version}: {'/'.join(map(str, error.path))}: {error.message}"
                )
            except kubernetes_validate.SchemaNotFoundError as error:
                faults.append(f"{named(doc)}: {error.message}")
    return faults


def pods(docs):
    for doc in docs:
        if doc["kind"] in {"StatefulSet", "Deployment", "DaemonSet", "Job"}:
            yield named(doc), doc["spec"]["template"]["spec"]


def image_faults(image):
    if re.search(r"@sha256:[0-9a-f]{64}$", image):
        return []
    tag = image.rsplit("/", 1)[-1].partition(":")[2]
    return [f"its image {image} says no version"] if not tag or tag in MOVING else []


def container_faults(container):
    confined, room = container.get("securityContext", {}), container.get("resources", {})
    faults = image_faults(container["image"])
    faults += ["its root can be written"] if confined.get("readOnlyRootFilesystem") is not True else []
    faults += (
        ["it may get more rights"]
        if confined.get("allowPrivilegeEscalation") is not False or confined.get("privileged")
        else []
    )
    faults += ["it keeps capabilities"] if confined.get("capabilities", {}) != {"drop": ["ALL"]} else []
    if set(room.get("limits", {})) != {"cpu", "memory"} or room.get("limits") != room.get("requests"):
        faults.append("its requests are not its limits")
    return faults


def policy(docs):
    """Nobody is root, nothing can be written but volumes, what is asked for is what may be had, and tags stay."""
    faults = []
    for name, pod in pods(docs):
        context = pod.get("securityContext", {})
        if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
            faults.append(f"{name} may be root")
        if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            faults.append(f"{name} may make any system call")
        if pod.get("automountServiceAccountToken") is not False:
            faults.append(f"{name} is given a token of the cluster")
        faults += [f"{name} shares what is the node's" for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key)]
        faults += [
            f"{name} mounts the node's {volume['hostPath']['path']}"
            for volume in pod.get("volumes", [])
            if "hostPath" in volume
        ]
        for container in pod.get("initContainers", []) + pod["containers"]:
            faults += [f"{name}, {container['name']}: {fault}" for fault in container_faults(container)]
            if container.get("securityContext", {}).get("runAsUser", 1) == 0:
                faults.append(f"{name}, {container['name']} is root")
    return faults


def one(docs, kind):
    found = [doc for doc in docs if doc["kind"] == kind]
    return found[0] if len(found) == 1 else None


def shape(docs):
    """The StatefulSet is one that the engine can live in, and what is about it finds it."""
    sets, service, budget = one(docs, "StatefulSet"), one(docs, "Service"), one(docs, "PodDisruptionBudget")
    if not (sets and service and budget):
        return ["there is not one StatefulSet, Service and PodDisruptionBudget"]
    spec, faults = sets["spec"], []
    labels = spec["template"]["metadata"]["labels"]
    wanted = {
        "podManagementPolicy": "Parallel",
        "updateStrategy": {"type": "OnDelete"},
        "serviceName": service["metadata"]["name"],
    }
    faults += [
        f"the StatefulSet's {key} is {spec.get(key)}, not {value}"
        for key, value in wanted.items()
        if spec.get(key) != value
    ]
    if service["spec"].get("clusterIP") != "None" or service["spec"].get("publishNotReadyAddresses") is not True:
        faults.append("the Service is not headless, or hides pods that are not ready")
    selectors = {
        "Service": service["spec"]["selector"],
        "StatefulSet": spec["selector"]["matchLabels"],
        "PodDisruptionBudget": budget["spec"]["selector"]["matchLabels"],
    }
    policies = [doc for doc in docs if doc["kind"] == "NetworkPolicy"]
    selectors |= {"NetworkPolicy": policy["spec"]["podSelector"]["matchLabels"] for policy in policies}
    faults += ["there is no NetworkPolicy"] if not policies else []
    faults += [
        f"the {kind} does not select the pods"
        for kind, selector in selectors.items()
        if not selector or not selector.items() <= labels.items()
    ]
    gyre = spec["template"]["spec"]["containers"][0]
    asked = {
        probe: gyre.get(probe, {}).get("exec", {}).get("command", [""])[-1]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    paths = {"startupProbe": "/startupz", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    faults += [
        f"the {probe} asks {asked[probe] or 'nobody'}"
        for probe, path in paths.items()
        if not asked[probe].endswith(path)
    ]
    faults += together(spec, gyre.get("args", []), sets["metadata"], policies)
    start = gyre.get("startupProbe", {})
    if start.get("periodSeconds", 0) * start.get("failureThreshold", 0) < 60:
        faults.append("the startup probe gives no time to bring books back")
    return faults


def together(spec, args, about, policies):
    """Several processes know each other's names, may talk to each other, and say that they trust the network."""
    flags = dict(arg.lstrip("-").partition("=")[::2] for arg in args if arg.startswith("--"))
    replicas, addresses = spec["replicas"], [address for address in flags.get("cluster", "").split(",") if address]
    if replicas == 1:
        return ["one process is told of others"] if addresses else []
    names = [f"{about['name']}-{at}.{spec['serviceName']}." for at in range(replicas)]
    faults = []
    if len(addresses) != replicas or not all(map(str.startswith, addresses, names)):
        faults.append(f"--cluster does not name the {replicas} pods: {addresses}")
    if flags.get("process") != "hostname" or "trusted-network" not in flags:
        faults.append("a process is not told which it is, or that the network is trusted")
    ports = {int(address.rpartition(":")[2]) for address in addresses}
    for policy in policies:
        for way, peer in (("ingress", "from"), ("egress", "to")):
            own = [
                {port["port"] for port in rule["ports"]}
                for rule in policy["spec"][way]
                for whom in rule.get(peer, [])
                if whom.get("podSelector", {}).get("matchLabels", {}).items() <= spec["selector"]["matchLabels"].items()
                and "podSelector" in whom
                and "namespaceSelector" not in whom
            ]
            if ports not in own:
                faults.append(f"the NetworkPolicy keeps the processes apart: {way}")
    return faults


def operator(docs):
    """The monitor finds the Service and its port; the rules are rules."""
    faults = []
    monitor, service, rule = one(docs, "ServiceMonitor"), one(docs, "Service"), one(docs, "PrometheusRule")
    if monitor:
        labels, ports = service["metadata"]["labels"], {port["name"] for port in service["spec"].get("ports", [])}
        if not monitor["spec"]["selector"]["matchLabels"].items() <= labels.items():
            faults.append("the ServiceMonitor does not select the Service")
        if labels.get(monitor["spec"]["jobLabel"]) != "gyre":
            faults.append('the ServiceMonitor does not call it job="gyre"')
        for end in monitor["spec"]["endpoints"]:
            faults += [f"the Service has no port {end['port']}"] if end["port"] not in ports else []
            if end.get("scheme") != "https" or "authorization" not in end:
                faults.append("the ServiceMonitor asks without TLS or a token")
    if rule:
        rules = [entry for group in rule["spec"]["groups"] for entry in group["rules"]]
        wrong = watching.parse(rules)
        faults += [f"the PrometheusRule: {wrong}"] if wrong else []
        if len(rules) < 20 or "gyre:memory_limit_bytes" not in {entry.get("record") for entry in rules}:
            faults.append("the PrometheusRule has not all rules")
    return faults


def all_faults(docs):
    return valid(docs) + policy(docs) + shape(docs) + operator(docs)


def silently(call, *args):
    """Helm tells on standard error that a chart holds a link, each time."""
    sys.stderr.flush()
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        return call(*args)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


def chart(root):
    path = root / "deploy/helm/gyre"
    cases = {"defaults": {}} | {
        file.stem: yaml.safe_load(file.read_text()) for file in sorted((path / "cases").glob("*.yaml"))
    }
    said = silently(helm.lint, str(path))
    faults = [f"lint: {error}" for error in said["errors"]]
    # An icon is no matter of ours.
    faults += [f"lint: {note['path']}: {note['error']}" for note in said["messages"] if note["severity"] > 1]
    seen = 0
    with silently(helm.Chart.load, str(path)) as loaded:
        for case, values in cases.items():
            try:
                docs = render(loaded, values)
            except helm.HelmError as error:
                faults.append(f"{case}: {error}")
                continue
            seen += len(docs)
            faults += [f"{case}: {fault}" for fault in all_faults(docs)]
            faults += [
                f"{case}: said twice: {named(doc)}"
                for at, doc in enumerate(docs)
                if named(doc) in map(named, docs[:at])
            ]
        for what, values in REFUSED.items():
            try:
                loaded.validate_schema(values)
                faults.append(f"the schema takes {what}")
            except helm.HelmError:
                pass
    faults += ["fewer than three sets of values"] if len(cases) < 3 else []
    said = (
        f"{len(cases)} sets of values make {seen} objects, sound in Kubernetes {' and '.join(VERSIONS)} and in policy"
    )
    return f"{said}; {len(REFUSED)} sets are refused", faults


def base_of(root):
    """What the chart makes of its defaults, without Helm's own labels."""
    with silently(helm.Chart.load, str(root / "deploy/helm/gyre")) as loaded:
        docs = render(loaded, {}, name="gyre", namespace="default")
    for doc in docs:
        metas = [doc["metadata"]] + ([doc["spec"]["template"]["metadata"]] if doc["kind"] == "StatefulSet" else [])
        for meta in metas:
            for label in ("app.kubernetes.io/managed-by", "helm.sh/chart"):
                meta["labels"].pop(label, None)
            meta.get("annotations", {}).pop("checksum/config", None)
            if meta.get("annotations") == {}:
                del meta["annotations"]
    text = yaml.safe_dump_all(docs, sort_keys=False, width=200)
    return "# Derived from the Helm chart: see kustomization.yaml.\n" + text


def kustomize(root):
    base = root / "deploy/kustomize/base/gyre.yaml"
    if os.environ.get("BLESS"):
        base.write_text(base_of(root))
    faults = []
    if not base.exists() or base.read_text() != base_of(root):
        faults.append("the base is not what the chart makes of its defaults: BLESS=1 tests/deploy kustomize")
    kubectl = Path(sys.executable).parent / "kubectl"
    folders = [root / "deploy/kustomize/base", *sorted((root / "deploy/kustomize/overlays").iterdir())]
    seen = 0
    for folder in folders:
        done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True)
        if done.returncode != 0:
            faults.append(f"{folder.name}: {done.stderr.strip()}")
            continue
        docs = docs_of(done.stdout)
        seen += len(docs)
        faults += [f"{folder.name}: {fault}" for fault in all_faults(docs)]
    return (
        f"{len(folders)} folders make {seen} objects, sound in Kubernetes {' and '.join(VERSIONS)} and in policy",
        faults,
    )
