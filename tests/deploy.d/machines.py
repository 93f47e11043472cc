"""One machine: the compose file, the image, systemd's units."""

import re
import subprocess
import tomllib
from pathlib import Path

import compose_spec
import yaml

import manifests

# Who may write to its root, and why.
WRITES = {"kafka"}  # its entry point writes its config there
EXPOSURE_MAX = 20  # of 100, as systemd-analyze counts
PROGRAM = "/usr/bin/gyre"


def settings(text):
    """Every setting that a config names, as table.name."""

    def walk(table, path):
        for name, value in table.items():
            here = f"{path}.{name}" if path else name
            yield from walk(value, here) if isinstance(value, dict) else [here]

    return set(walk(tomllib.loads(text), ""))


def config_faults(root, text):
    """What a config says that deploy/gyre.example.toml, which holds every setting, does not."""
    known = settings((root / "deploy/gyre.example.toml").read_text())
    handed = ("source.kafka.client.", "sinks.kafka.client.", "currencies.")
    return [f"there is no setting {name}" for name in sorted(settings(text) - known) if not name.startswith(handed)]


def mounts(service):
    for volume in service.get("volumes", []):
        source, target, *mode = volume.split(":")
        yield source, target, mode


def service_faults(root, name, service, volumes):
    faults = manifests.image_faults(service["image"])
    user = str(service.get("user", ""))
    faults += ["it may be root"] if not user or user.split(":")[0] in {"0", "root"} else []
    faults += ["its root can be written"] if service.get("read_only") is not True and name not in WRITES else []
    faults += ["it keeps capabilities"] if service.get("cap_drop") != ["ALL"] else []
    faults += ["it may get more rights"] if "no-new-privileges:true" not in service.get("security_opt", []) else []
    faults += (
        ["what it asks for is not what it may have"]
        if not service.get("mem_limit") or service["mem_limit"] != service.get("mem_reservation")
        else []
    )
    faults += [
        f"port {port} is open to all the world"
        for port in service.get("ports", [])
        if not str(port).startswith("127.0.0.1:")
    ]
    for source, _, mode in mounts(service):
        if source.startswith("."):
            faults += [f"{source} is not there"] if not (root / "deploy" / source).exists() else []
            faults += [f"it may write to {source}"] if mode != ["ro"] else []
        elif source not in volumes:
            faults.append(f"there is no volume {source}")
    return faults


def compose(root):
    text = (root / "deploy/compose.yaml").read_text()
    faults = []
    try:
        # Merge keys are YAML, and not part of the specification.
        compose_spec.PyCompose.from_yaml(yaml.safe_dump(yaml.safe_load(text))).to_spec()
    except Exception as error:  # it has many kinds
        faults.append(str(error))
    spec = yaml.safe_load(text)
    services, volumes = spec["services"], spec.get("volumes", {})
    for name, service in services.items():
        faults += [f"{name}: {fault}" for fault in service_faults(root, name, service, volumes)]
        others = set(service.get("depends_on", {})) | {service.get("network_mode", "").removeprefix("service:")} - {""}
        faults += [f"{name}: there is no service {other}" for other in others - set(services)]
    faults += config_faults(root, (root / "deploy/compose/gyre.toml").read_text())
    # Each of those that speak to each other on loopback must be in one network namespace.
    shared = {name for name, service in services.items() if service.get("network_mode") == "service:books"}
    faults += (
        ["Gyre and Prometheus do not share the network of PostgreSQL"] if not {"gyre", "prometheus"} <= shared else []
    )
    build = services["gyre"]["build"]
    faults += (
        ["what builds the image is not there"]
        if not (root / "deploy" / build["context"] / build["dockerfile"]).exists()
        else []
    )
    return f"{len(services)} services, valid, confined, and open to this machine alone", faults


def container(root):
    text = (root / "deploy/container/Containerfile").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    bases = [line.split()[1] for line in lines if line.startswith("FROM")]
    channel = re.search(r'channel = "(.*)"', (root / "rust-toolchain.toml").read_text())[1]
    faults = [fault for base in bases if base != "scratch" for fault in manifests.image_faults(base)]
    faults += [f"it is not built with Rust {channel}"] if not bases[0].startswith(f"rust:{channel}-") else []
    faults += ["what it ends as is not an empty image"] if bases[-1] != "scratch" else []
    users = [line.split()[1] for line in lines if line.startswith("USER")]
    faults += ["it ends as root"] if not users or users[-1].split(":")[0] in {"0", "root"} else []
    copied = re.findall(r"(deploy/\S+)", " ".join(line for line in lines if not line.startswith("COPY --from")))
    faults += [f"{path} is not there" for path in copied if not (root / path).exists()]
    features = re.search(r"--features (\S+)", text)[1].split(",")
    declared = (root / "Cargo.toml").read_text()
    faults += [
        f"there is no feature {feature}"
        for feature in features
        if not re.search(rf"^{feature} = \[", declared, flags=re.MULTILINE)
    ]
    return f"from {bases[0]} into an empty image, as {users[-1] if users else 'root'}", faults


def systemd(root, scratch):
    units = sorted((root / "deploy/systemd").glob("*.*"))
    faults, exposures = [], []
    folder = Path(scratch) / "units"
    folder.mkdir(exist_ok=True)
    for unit in units:
        # Programs that are not on this machine are looked for in vain.
        text = re.sub(r"^(Exec\w+=)\S+", r"\1/bin/true", unit.read_text(), flags=re.MULTILINE)
        (folder / unit.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *[folder / unit.name for unit in units]],
        capture_output=True,
        text=True,
    )
    said = [line for line in (done.stdout + done.stderr).splitlines() if any(unit.name in line for unit in units)]
    faults += said if done.returncode != 0 or said else []
    for name in ("gyre.service", "gyre-live.service"):
        done = subprocess.run(
            [
                "systemd-analyze",
                "security",
                "--offline=true",
                "--no-pager",
                f"--threshold={EXPOSURE_MAX}",
                folder / name,
            ],
            capture_output=True,
            text=True,
        )
        exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
        exposures.append(exposure[1] if exposure else "?")
        if name == "gyre.service" and (done.returncode != 0 or not exposure):
            faults.append(f"{name} is exposed: {exposures[-1]} of 10, at most {EXPOSURE_MAX / 10}")
    service = (root / "deploy/systemd/gyre.service").read_text()
    faults += [
        f"gyre.service lacks {line}"
        for line in ("DynamicUser=yes", "ProtectSystem=strict", "RestartPreventExitStatus=2", "KillSignal=SIGTERM")
        if line not in service
    ]
    faults += ["gyre.service starts something else"] if f"ExecStart={PROGRAM} run " not in service else []
    return f"{len(units)} units, sound; exposure of gyre.service {exposures[0]} of 10", faults
