#!/usr/bin/python3
# runs: host
# limit: 900
"""The Debian packages in a fresh Debian that runs systemd, from installation to purge: units, privileges, a
registration, instances, an upgrade under it, what is left at the end.

    ./tests/run e2e packages

The fresh Debian is a folder: debootstrap makes it once and build/packages-test keeps it (three minutes; later runs take
less than three). Its systemd is process 1 of namespaces of its own, so its mounts and processes go with it. Packages
come from the apt mirror of this machine, nothing else leaves it.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "lab"), str(ROOT / "tests/e2e")]
from network import BIN, Network, wait_until  # noqa: E402

CACHE = ROOT / "build/packages-test"
PACKAGES = ("lapwing-pcscf", "lapwing-scscf", "lapwing-imsctl", "lapwing-lab")
DAEMONS = ("labhss", "scscf", "pcscf")
CAP_NET_ADMIN = 1 << 12
GM, PHONES = "10.46.0.1", ("10.46.0.11", "10.46.0.12")
GM2 = "10.46.0.2"
IMSIS = ("001010000000001", "001010000000002")
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8",
               "DEBIAN_FRONTEND": "noninteractive"}

# Process 1 of new mount, pid, ipc, uts and cgroup namespaces; $1 is the root, $2 a folder for apt's archives.
BOOT = """
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount --bind "$2" "$1/var/cache/apt/archives"
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
for node in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 dev/${node%:*} c 1 ${node#*:}; done
mknod -m 666 dev/tty c 5 0
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t cgroup2 cgroup2 sys/fs/cgroup
exec env -i container=lapwing-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
  /usr/sbin/chroot . /lib/systemd/systemd --system --show-status=no
"""


def run(*args, check=True, seconds=300, **options):
    done = subprocess.run([str(arg) for arg in args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=seconds, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, args))}: exit {done.returncode}:\n{done.stdout[-3000:]}")
    return done


def codename():
    return re.search(r"^VERSION_CODENAME=(\w+)$", Path("/etc/os-release").read_text(), re.M)[1]


def apt_sources():
    """The lines of sources.list for what this machine has of Debian, the release itself first."""
    form = "$(ORIGIN)|$(REPO_URI)|$(RELEASE)"
    listed = run("apt-get", "indextargets", "--format", form, "Created-By: Packages").stdout
    found = {tuple(line.split("|")[1:]) for line in listed.splitlines() if line.startswith("Debian|")}
    return [f"deb {uri} {suite} main" for uri, suite in sorted(found, key=lambda one: (one[1] != codename(), one))]


def apt_settings():
    """Proxies and whether dates are checked, as this machine has them."""
    dump = run("apt-config", "dump").stdout.splitlines()
    return [line for line in dump if re.match(r"Acquire::(https?::Proxy|Check-(Valid-Until|Date)) ", line)]


def fresh_debian():
    """The tarball of a minimal Debian with systemd."""
    tarball = CACHE / f"{codename()}.tar"
    if tarball.exists():
        return tarball
    if not shutil.which("debootstrap"):
        raise unittest.SkipTest("debootstrap is not installed: lab/install-packages")
    sources = apt_sources()
    if not sources:
        raise unittest.SkipTest("this machine's apt has no Debian in its sources")
    proxy = next((line.split('"')[1] for line in apt_settings() if line.startswith("Acquire::http::Proxy")), "")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lapwing-debootstrap-") as folder:
        done = run("debootstrap", "--variant=minbase", "--include=systemd-sysv,dbus,libnss-systemd", codename(),
                   f"{folder}/root", sources[0].split()[1], check=False, seconds=800,
                   env={**os.environ, **({"http_proxy": proxy} if proxy else {})})
        if done.returncode != 0:
            log = Path(f"{folder}/root/debootstrap/debootstrap.log")
            why = (log.read_text() if log.exists() else done.stdout).strip().splitlines()[-1:]
            raise unittest.SkipTest(f"debootstrap made no Debian from {sources[0].split()[1]}: {' '.join(why)}")
        run("tar", "-C", f"{folder}/root", "-cf", f"{tarball}.part", ".")
        Path(f"{tarball}.part").rename(tarball)
    return tarball


class Machine:
    """A Debian in a folder, with its systemd on one host of the network."""

    def __init__(self, host, root):
        self.host, self.root, self.program = host, root, None
        self.root.mkdir()
        run("tar", "-C", root, "-xf", fresh_debian())
        (root / "etc/apt/sources.list").write_text("\n".join(apt_sources()) + "\n")
        settings = [*apt_settings(), 'APT::Sandbox::User "root";']
        (root / "etc/apt/apt.conf.d/90test").write_text("\n".join(settings) + "\n")
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        (root / "etc/hostname").write_text("ims\n")
        (root / "etc/machine-id").write_text(f"{os.urandom(16).hex()}\n")

    def boot(self):
        archives = CACHE / "archives"
        (archives / "partial").mkdir(parents=True, exist_ok=True)
        self.program = self.host.start("/usr/bin/unshare", "--mount", "--pid", "--ipc", "--uts", "--cgroup", "--fork",
                                       "--kill-child", "/bin/bash", "-c", BOOT, "boot", self.root, archives,
                                       name="boot")

        def up():
            if not self.program.running():
                raise unittest.SkipTest(f"no systemd in namespaces of this machine: {self.program.output().strip()}")
            return self.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded")
        wait_until(up, 40, lambda: f"systemd does not come up: {self.program.output()}")

    def power_off(self):
        """Without asking systemd: its processes and mounts go with its namespaces."""
        if self.program and self.program.running():
            self.program.process.kill()
            self.program.wait()

    def run(self, *args, check=True, outside=False, seconds=120):
        """A command in it. outside: with this machine's network, for apt."""
        children = Path(f"/proc/{self.program.pid}/task/{self.program.pid}/children").read_text().split()
        if not children:
            return subprocess.CompletedProcess(args, 1, "", "")
        namespaces = ["-m", "-p", "-i", "-u", "-C", *([] if outside else ["-n"])]
        return run("/usr/bin/nsenter", "-t", children[0], *namespaces, "-r", "-w", *args, check=check,
                   seconds=seconds, env=ENVIRONMENT, cwd="/")

    def apt(self, *args):
        return self.run("apt-get", "-qq", "-y", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0", *args, outside=True,
                        seconds=300).stdout

    def property(self, unit, name):
        return self.run("systemctl", "show", "-P", name, unit).stdout.strip()

    def files(self):
        """Every path, without what apt, dpkg, systemd and the loader keep for themselves."""
        own = re.compile(r"/(var/(lib/(apt|dpkg|systemd)|cache|log)|etc/(ld\.so\.cache|\w+-$)|tmp)"
                         r"|/var/tmp/systemd-private")
        found = set()
        for folder, folders, names in os.walk(self.root):
            for name in [*folders, *names]:
                path = "/" + os.path.relpath(os.path.join(folder, name), self.root)
                if not own.match(path):
                    found.add(path)
        return found


def repacked(deb, version, folder):
    """The same package as a later version."""
    tree = folder / f"{deb.stem}-tree"
    run("dpkg-deb", "-R", deb, tree)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"^Version: .*$", f"Version: {version}", control.read_text(), flags=re.M))
    later = folder / f"{deb.name.split('_')[0]}_{version}_amd64.deb"
    run("dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, later)
    return later


def has_esp():
    return run(ROOT / "lab/esp-kernel", "--status", check=False).stdout.startswith("host")


class Packages(unittest.TestCase):
    """The life of one installation: each test goes on where the one before ended."""

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("chroot and namespaces need root")
        config = BIN.parent / "CPackConfig.cmake"
        if not config.exists():
            raise unittest.SkipTest(f"no {config}: cmake --preset release writes it")
        cls.network = cls.enterClassContext(Network())
        cls.folder = cls.network.folder
        ims, phones = cls.network.host("ims"), cls.network.host("phones")
        cls.network.cable(ims, "access", phones, "radio")
        ims.ip(f"addr add {GM}/24 dev access", f"addr add {GM2}/24 dev access")
        phones.ip(*[f"addr add {address}/24 dev radio" for address in PHONES])
        cls.phones = phones
        cls.machine = Machine(ims, cls.folder / "root")
        cls.addClassCleanup(cls.machine.power_off)
        cls.machine.boot()
        run("cpack", "--config", config, "-B", cls.folder / "packages")
        cls.debs = sorted((cls.folder / "packages").glob("*.deb"))
        cls.version = run("dpkg-deb", "-f", cls.debs[0], "Version").stdout.strip()
        cls.esp = has_esp()

    def ctl(self, *args, check=True):
        return self.machine.run("systemctl", *args, check=check)

    def apt_install(self, debs):
        for deb in debs:
            shutil.copy(deb, self.machine.root / "root")
        return self.machine.apt("install", *[f"/root/{deb.name}" for deb in debs])

    def read(self, path):
        return (self.machine.root / path.lstrip("/")).read_text()

    def imsctl(self, *args):
        """The replies of `imsctl --json`, in the machine."""
        text = self.machine.run("sh", "-c", 'imsctl --json "$@" 2>/dev/null', "imsctl", *args, check=False).stdout
        return {one["daemon"]: one.get("reply", {}) for one in json.loads(text)["replies"]} if text else {}

    def registered(self):
        """{daemon: {IMSI: state}}"""
        replies = self.imsctl("registrations")
        found = {name: replies.get(name, {}).get("registrations", []) for name in ("pcscf", "scscf")}
        return {name: {one["impi"].split("@")[0]: one["state"] for one in those} for name, those in found.items()}

    def pids(self, *units):
        return {unit: self.machine.property(unit, "MainPID") for unit in units}

    UNITS = tuple(f"lapwing-{name}.service" for name in DAEMONS)

    def wait_until_up(self):
        def up():
            peers = self.imsctl("hss").get("scscf", {}).get("peers", [])
            return all(self.imsctl("status").values()) and [peer["state"] for peer in peers] == ["open"]
        wait_until(up, 30, lambda: self.machine.run("journalctl", "--no-pager", "-n", "40").stdout)

    # ---- 1: a fresh installation ----

    def test_1_when_they_are_installed_then_nothing_starts_and_nothing_is_configured(self):
        self.assertEqual(len(self.debs), len(PACKAGES))
        try:
            self.machine.apt("update")
        except AssertionError as error:
            raise unittest.SkipTest(f"apt reaches no mirror: {error}") from None
        depends = ", ".join(run("dpkg-deb", "-f", deb, "Depends").stdout.strip() for deb in self.debs)
        self.assertRegex(depends, r"libgrpc\+\+1\.51 \(>= .*libmnl0 \(>= ")
        self.machine.apt("satisfy", depends)
        type(self).before = self.machine.files()
        self.apt_install(self.debs)
        for package in PACKAGES:
            shown = self.machine.run("dpkg-query", "-W", "-f", "${Status} ${Version}", package).stdout
            self.assertEqual(shown, f"install ok installed {self.version}")
            self.assertEqual(self.machine.run("dpkg", "-V", package).stdout, "")
            self.assertIn("License: Apache-2.0", self.read(f"/usr/share/doc/{package}/copyright"))
        for unit in self.UNITS:
            self.assertEqual(self.machine.property(unit, "ActiveState"), "inactive")
        self.assertEqual(os.listdir(self.machine.root / "etc/lapwing"), ["imsctl.yaml"])
        self.assertEqual(self.ctl("list-units", "--failed", "--plain", "--no-legend").stdout, "")
        self.machine.run("bash", "-n", "/usr/share/bash-completion/completions/imsctl")

    def test_2_when_systemd_judges_the_units_then_it_finds_no_fault_and_little_exposure(self):
        units = [f"/lib/systemd/system/lapwing-{name}{at}.service" for name in DAEMONS for at in ("", "@")]
        verified = self.machine.run("systemd-analyze", "verify", "--recursive-errors=no", *units)
        self.assertEqual(verified.stdout, "")
        for name in DAEMONS:
            judged = self.machine.run("systemd-analyze", "security", "--offline=yes", "--no-pager",
                                      f"/lib/systemd/system/lapwing-{name}.service").stdout
            exposure = float(re.search(r"Overall exposure level for \S+: (\S+)", judged)[1])
            self.assertLess(exposure, 2, name)

    def test_3_when_there_is_no_configuration_or_a_wrong_one_then_the_start_fails_and_says_why(self):
        unit, path = "lapwing-pcscf.service", self.machine.root / "etc/lapwing/pcscf.yaml"
        for text, why in ((None, "/etc/lapwing/pcscf.yaml: "), ("ipsec: {polcy: off}\n", 'did you mean "policy"?')):
            if text:
                path.write_text(text)
            self.assertNotEqual(self.ctl("start", unit, check=False).returncode, 0)
            self.ctl("stop", unit)  # it is tried again for a while
            self.ctl("reset-failed", unit, check=False)
            self.assertIn(why, self.machine.run("journalctl", "--no-pager", "-u", unit).stdout)
        path.unlink()

    # ---- 2: it runs ----

    def test_4_when_the_examples_are_configured_then_the_units_start_without_privileges(self):
        for name in DAEMONS:
            package = "lapwing-lab" if name == "labhss" else f"lapwing-{name}"
            self.machine.run("install", "-m", "640", "-g", f"lw-{name}",
                             f"/usr/share/doc/{package}/examples/{name}.yaml", f"/etc/lapwing/{name}.yaml")
        self.change("pcscf", "{policy: required}", "{policy: required}" if self.esp else "{policy: off}")
        self.change("scscf", "\n# Call records", "\nregistrar: {accept_unprotected_aka: true}\n# Call records")
        self.ctl("enable", "--now", *self.UNITS)
        self.wait_until_up()
        for unit, pid in self.pids(*self.UNITS).items():
            status = dict(re.findall(r"^(\w+):\s*(.*)$", self.machine.run("cat", f"/proc/{pid}/status").stdout, re.M))
            self.assertGreater(int(status["Uid"].split()[0]), 60000, unit)
            for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                self.assertEqual(int(status[kind], 16), CAP_NET_ADMIN if "pcscf" in unit else 0, f"{unit} {kind}")
            self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"), unit)
            limits = self.machine.run("cat", f"/proc/{pid}/limits").stdout
            limits = re.search(r"^Max open files +(\d+) +(\d+)", limits, re.M)
            self.assertEqual(limits[1], limits[2], unit)
            self.assertGreater(int(limits[1]), 1024, unit)  # systemd gives what its own limit allows

    def change(self, name, old, new):
        path = self.machine.root / f"etc/lapwing/{name}.yaml"
        self.assertIn(old, path.read_text())
        path.write_text(path.read_text().replace(old, new))

    def test_5_when_someone_is_in_the_group_of_one_daemon_then_imsctl_reaches_that_one_only(self):
        self.machine.run("useradd", "--no-create-home", "-G", "lw-pcscf", "ann")
        asked = self.machine.run("runuser", "-u", "ann", "--", "imsctl", "status", check=False).stdout
        self.assertRegex(asked, r"(?m)^pcscf +pcscf\.ims")
        self.assertNotRegex(asked, r"(?m)^scscf +sip:")
        self.assertIn("scscf/control.sock is not reachable: you may not look into its directory", asked)
        self.machine.run("userdel", "ann")

    def test_6_when_handsets_register_then_imsctl_shows_them(self):
        type(self).handsets = []
        for address, imsi in zip(PHONES, IMSIS):
            events = self.folder / f"{imsi}.events"
            with open(events, "wb") as output:
                program = self.phones.start(
                    "/usr/sbin/chroot", self.machine.root, "/usr/bin/labue", "run", "--json", "--pcscf", f"{GM}:5060",
                    "--imsi", imsi, "--subscribers", "/etc/lapwing/labhss.yaml", "--address", address,
                    *([] if self.esp else ["--no-ipsec"]), name=f"labue-{imsi}", stdin=subprocess.PIPE, stdout=output)
            self.handsets.append((program, events))
            self.wait_for_registered(len(self.handsets) - 1, 1)
        everyone = dict.fromkeys(IMSIS, "registered")
        self.assertEqual(self.registered(), {"pcscf": everyone, "scscf": everyone})

    def wait_for_registered(self, number, count):
        program, events = self.handsets[number]

        def seen():
            lines = [json.loads(line) for line in events.read_text().splitlines(True) if line.endswith("\n")]
            return sum(line["event"] == "registered" and line["code"] == 200 for line in lines) >= count
        wait_until(seen, 20, lambda: f"not registered: {events.read_text()} {program.output()}")

    def test_7_when_the_configuration_is_wrong_at_a_reload_then_the_reload_fails_and_the_daemon_goes_on(self):
        unit = "lapwing-scscf.service"
        before = self.pids(unit)
        self.change("scscf", "registrar: {", "registrar: {max_expires: soon, ")
        self.assertNotEqual(self.ctl("reload", unit, check=False).returncode, 0)
        said = self.machine.run("journalctl", "--no-pager", "-u", unit).stdout
        self.assertIn('registrar.max_expires: "soon" is not right', said)
        self.change("scscf", "max_expires: soon, ", "max_expires: 2h, ")
        self.ctl("reload", unit)
        wait_until(lambda: "registrar.max_expires has changed" in self.machine.run(
            "journalctl", "--no-pager", "-u", unit).stdout, 10, "the reload did nothing")
        self.assertEqual(self.pids(unit), before)

    def test_8_when_an_instance_is_made_then_it_runs_beside_the_first_with_files_of_its_own(self):
        config = self.read("/etc/lapwing/pcscf.yaml")
        changes = ((f"{GM}:5060", f"{GM2}:5060"), ("127.0.0.2:5060", "127.0.0.5:5060"),
                   ("name: pcscf.", "name: edge2."), ("/pcscf/", "/pcscf-edge2/"),
                   ("ipsec: {", "ipsec: {reqid: 4098, "))
        for old, new in changes:
            self.assertIn(old, config)
            config = config.replace(old, new)
        (self.machine.root / "etc/lapwing/pcscf-edge2.yaml").write_text(config)
        self.machine.run("chgrp", "lw-pcscf", "/etc/lapwing/pcscf-edge2.yaml")
        self.machine.run("chmod", "640", "/etc/lapwing/pcscf-edge2.yaml")
        self.ctl("enable", "--now", "lapwing-pcscf@edge2.service")
        socket = "unix:/run/lapwing/pcscf-edge2/control.sock"
        asked = ("imsctl", "--pcscf", socket, "status")
        wait_until(lambda: "edge2.ims" in self.machine.run(*asked, check=False).stdout, 20,
                   lambda: self.machine.run("journalctl", "--no-pager", "-u", "lapwing-pcscf@edge2").stdout)
        self.assertEqual(self.machine.property("lapwing-pcscf.service", "ActiveState"), "active")
        for name in ("pcscf", "pcscf-edge2"):
            self.assertTrue((self.machine.root / f"var/lib/private/lapwing/{name}/state.db").exists(), name)

    def test_9_when_a_daemon_is_killed_then_systemd_starts_it_again_and_it_has_its_state(self):
        unit = "lapwing-pcscf.service"
        before = self.pids(unit)
        self.ctl("kill", "--signal=KILL", unit)
        wait_until(lambda: self.machine.property(unit, "ActiveState") == "active" and self.pids(unit) != before, 20,
                   "it was not started again")
        self.wait_until_up()
        self.assertEqual(self.registered()["pcscf"], dict.fromkeys(IMSIS, "registered"))

    # ---- 3: its later life ----

    def test_a_when_it_is_upgraded_then_running_units_restart_and_configuration_and_registrations_are_kept(self):
        units = (*self.UNITS, "lapwing-pcscf@edge2.service")
        self.ctl("stop", "lapwing-labhss.service")  # what does not run is not started
        imsctl = self.machine.root / "etc/lapwing/imsctl.yaml"
        imsctl.write_text(imsctl.read_text() + "# of this operator\n")
        folder = self.machine.root / "etc/lapwing"
        before = {path.name: (path.read_text(), path.stat().st_mode, path.stat().st_gid) for path in folder.iterdir()}
        pids = self.pids(*units)
        later = [repacked(deb, f"{self.version}+1", self.folder) for deb in self.debs]
        said = self.apt_install(later)
        self.assertNotRegex(said, "(?i)error|fail|not come up")
        after = self.pids(*units)
        self.assertEqual(after["lapwing-labhss.service"], "0")
        for unit in units[1:]:
            self.assertNotIn(after[unit], ("0", pids[unit]), unit)
        self.assertEqual({path.name: (path.read_text(), path.stat().st_mode, path.stat().st_gid)
                          for path in folder.iterdir()}, before)
        self.ctl("start", "lapwing-labhss.service")
        self.wait_until_up()
        everyone = dict.fromkeys(IMSIS, "registered")
        self.assertEqual(self.registered(), {"pcscf": everyone, "scscf": everyone})
        for number, (program, _) in enumerate(self.handsets):
            program.process.stdin.write(b"reregister\n")
            program.process.stdin.flush()
            self.wait_for_registered(number, 2)

    def test_b_when_it_is_removed_then_configuration_and_state_are_left_and_nothing_else(self):
        for program, _ in self.handsets:
            program.stop(signal.SIGKILL)  # as they are: SIGTERM would end their registrations
        self.machine.apt("remove", *PACKAGES)
        for unit in (*self.UNITS, "lapwing-pcscf@edge2.service"):
            self.assertNotEqual(self.machine.property(unit, "ActiveState"), "active", unit)
        running = self.machine.run("ps", "-e", "-o", "comm=", check=False).stdout.split()
        self.assertFalse({"pcscf", "scscf", "labhss"} & set(running))
        self.assertNotEqual(self.machine.run("ls", "/run/lapwing", check=False).returncode, 0)
        self.assertEqual(self.ctl("list-units", "--failed", "--plain", "--no-legend").stdout, "")
        for name in self.debs:
            (self.machine.root / "root" / name.name).unlink()
        for path in (self.machine.root / "root").glob("*.deb"):
            path.unlink()
        left = self.machine.files() - self.before
        self.assertEqual({path for path in left if path.startswith("/etc")}, {
            "/etc/lapwing", "/etc/lapwing/imsctl.yaml", "/etc/lapwing/labhss.yaml", "/etc/lapwing/pcscf.yaml",
            "/etc/lapwing/pcscf-edge2.yaml", "/etc/lapwing/scscf.yaml"})
        self.assertIn("/var/lib/private/lapwing/scscf/state.db", left)
        self.assertEqual([path for path in left if not re.match(r"/etc/lapwing|/var/lib/(private/)?lapwing", path)
                          and path != "/var/lib/private"], [])

    def test_c_when_it_is_purged_then_the_configuration_goes_and_the_state_stays(self):
        said = self.machine.apt("purge", *PACKAGES)
        for name in ("pcscf", "pcscf-edge2", "scscf", "labhss"):
            self.assertIn(f"/var/lib/lapwing/{name} stays", said)
            self.assertTrue((self.machine.root / f"var/lib/private/lapwing/{name}/state.db").exists(), name)
        self.assertEqual([path for path in self.machine.files() - self.before if path.startswith("/etc")], [])

    def test_d_when_it_is_installed_again_then_the_state_is_taken_up(self):
        self.apt_install([deb for deb in self.debs if "lapwing-scscf" in deb.name or "lapwing-imsctl" in deb.name])
        self.machine.run("install", "-m", "640", "-g", "lw-scscf", "/usr/share/doc/lapwing-scscf/examples/scscf.yaml",
                         "/etc/lapwing/scscf.yaml")
        self.ctl("start", "lapwing-scscf.service")
        wait_until(lambda: "taken up from the state file" in self.machine.run(
            "journalctl", "--no-pager", "-b", "-u", "lapwing-scscf", "--since", "-20s").stdout, 15,
            lambda: self.machine.run("journalctl", "--no-pager", "-u", "lapwing-scscf").stdout[-2000:])


class Files(unittest.TestCase):
    """What of deploy/ cannot be run here: it is what it says it is, at least."""

    def test_when_a_daemon_checks_the_configurations_in_deploy_then_they_are_right(self):
        folders = [ROOT / "deploy" / name for name in ("compose/lapwing", "debian", "lab")]
        found = [path for folder in folders for path in folder.glob("*.yaml")]
        files = [path for path in found if path.stem in DAEMONS]
        self.assertEqual(len(files), 9)
        for path in files:
            self.assertEqual(run(BIN / path.stem, "--config", path, "--check").stdout, f"{path}: ok\n")

    def test_when_compose_and_ansible_files_are_read_then_they_are_yaml(self):
        try:
            import yaml
        except ImportError:
            self.skipTest("no python3-yaml")
        files = [*ROOT.glob("deploy/compose/**/*.yaml"), *ROOT.glob("deploy/ansible/**/*.yaml")]
        read = {str(path.relative_to(ROOT / "deploy")): yaml.safe_load(path.read_text()) for path in files}
        self.assertEqual([name for name, content in read.items() if not content], [])
        services = read["compose/compose.yaml"]["services"]
        self.assertIn(f"{read['compose/open5gs/smf.yaml']['smf']['p-cscf'][0]}:5060",
                      read["compose/lapwing/pcscf.yaml"]["gm"]["listen"])
        for name, service in services.items():
            for volume in service.get("volumes", []):
                if volume.startswith("./"):
                    self.assertTrue((ROOT / "deploy/compose" / volume.split(":")[0]).exists(), f"{name}: {volume}")

    def test_when_ansible_reads_the_playbook_then_it_finds_no_fault(self):
        if not shutil.which("ansible-playbook"):
            self.skipTest("ansible-playbook is not installed")
        run("ansible-playbook", "-i", "inventory.example.yaml", "--syntax-check", "site.yaml",
            cwd=ROOT / "deploy/ansible", env={**os.environ, "LC_ALL": "C.UTF-8"})


if __name__ == "__main__":
    unittest.main(failfast=True)
