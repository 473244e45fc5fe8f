#!/usr/bin/python3
# runs: esp-kernel
# limit: 180
"""Handsets register and call each other through a core that is half ours, half Kamailio's: our P-CSCF with its I-CSCF and
S-CSCF (its own Diameter toward labhss), and its P-CSCF with our S-CSCF, without IPsec and with its ims_ipsec_pcscf.

Needs root and the packages kamailio and kamailio-ims-, kamailio-presence- and kamailio-sqlite-modules. Its configurations
in tests/peers/kamailio are the least that these calls need: no example to run a network by.

    ./tests/run peers kamailio
"""
import os
import shutil
import sqlite3
import sys
import unittest
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "lab")]
from network import DOMAIN, Core, Network, Subscriber, tail, wait_until  # noqa: E402

MODULES = Path("/usr/lib/x86_64-linux-gnu/kamailio/modules")
for needed in ("ims_registrar_scscf.so", "presence.so", "db_sqlite.so"):
    if shutil.which("kamailio") is None or not (MODULES / needed).exists():
        print(f"skipped: kamailio or its {needed} is missing (packages kamailio, kamailio-{{ims,presence,sqlite}}-modules)")
        sys.exit(77)

ICSCF, SCSCF = f"{Core.SCSCF[0]}:4060", f"{Core.SCSCF[0]}:6060"
VALUES = {
    "DOMAIN": DOMAIN, "HSS": Core.HSS[0], "ICSCF": ICSCF, "SCSCF": SCSCF, "ENTRY": SCSCF,
    "MW": f"{Core.PCSCF[0]}:5060", "MW_ADDRESS": Core.PCSCF[0], "GM": f"{Core.GM[0]}:5060", "GM_ADDRESS": Core.GM[0],
    "DEBUG": os.environ.get("KAMAILIO_DEBUG", "1"),
}


class Kamailio:
    """Kamailio in one of its roles, on a host of the network."""

    def __init__(self, network, host, role, diameter=False, defines=()):
        self.folder = network.folder / f"kamailio-{role}"
        self.folder.mkdir()
        files = {f"{role}.cfg": f"{role}.cfg", "common.cfg": "common.cfg"}
        if diameter:
            files["diameter.xml"] = f"{role}.xml"
        for source, target in files.items():
            text = (ROOT / "tests/peers/kamailio" / source).read_text()
            for name, value in {**VALUES, "FOLDER": str(self.folder), "NAME": role}.items():
                text = text.replace(f"@{name}@", value)
            (self.folder / target).write_text(text)
        if role == "icscf":
            self._write_servers()
        words = [word for define in defines for word in ("-A", define)]
        # Its Diameter finds peers by their names only: it sees an /etc/hosts of ours.
        hosts = self.folder / "hosts"
        hosts.write_text(f"127.0.0.1 localhost\n{Core.HSS[0]} hss.{DOMAIN}\n")
        inside = ["--mount", "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec kamailio "$@"', "kamailio"]
        self.program = host.start(shutil.which("unshare"), *inside, "-DD", "-E", "-m", "64", "-M", "8",
                                  "-Y", self.folder, "-P", self.folder / "pid", "-f", self.folder / f"{role}.cfg",
                                  *words, name=f"kamailio-{role}")

    def _write_servers(self):
        """What the I-CSCF wants in its database: the S-CSCFs that there are."""
        with closing(sqlite3.connect(self.folder / "icscf.db")) as database:
            database.executescript(f"""
                CREATE TABLE nds_trusted_domains (id INTEGER PRIMARY KEY, trusted_domain VARCHAR(83));
                CREATE TABLE s_cscf (id INTEGER PRIMARY KEY, name VARCHAR(83), s_cscf_uri VARCHAR(83));
                CREATE TABLE s_cscf_capabilities (id INTEGER PRIMARY KEY, id_s_cscf INTEGER, capability INTEGER);
                INSERT INTO s_cscf VALUES (1, 'scscf', 'sip:{SCSCF}');
                INSERT INTO s_cscf_capabilities VALUES (1, 1, 0), (2, 1, 1);
            """)


class Mixed(unittest.TestCase):
    def setUp(self):
        self.network = self.enterContext(Network())
        self.kamailios = []

    def make_core(self, **configs):
        subscribers = [Subscriber(number) for number in (1, 2)]
        self.core = Core(self.network, subscribers, **configs)
        self.core.start_daemon("labhss")
        self.phones = [self.core.handset(number) for number in (1, 2)]

    def kamailio(self, host, role, **options):
        self.kamailios.append(Kamailio(self.network, host, role, **options))

    def start_our_scscf(self):
        self.core.start_daemon("scscf")
        wait_until(lambda: '"open"' in self.core.imsctl_text("--json", "hss", check=False), 20, "Cx does not open")

    def story(self):
        logs = [self.network.folder / f"{name}.log" for name in ("pcscf", "scscf", "labhss")]
        logs += [one.program.log for one in self.kamailios]
        return "\n".join(f"--- {log.name}\n{tail(log.read_text(errors='replace'), 40)}" for log in logs if log.exists())

    def checked(self, steps, *options):
        try:
            steps(*options)
        except Exception as error:
            self.fail(f"{error}\n{self.story()}")

    def register(self, *options):
        for phone in self.phones:
            phone.start("--subscribe", *options)
            phone.wait_for("notify")

    def call(self):
        one, two = self.phones
        for caller, callee in ((one, two), (two, one)):
            count = len(caller.events("answered")) + 1
            caller.tell(f"call:{callee.subscriber.impu}")
            for phone in (one, two):
                phone.wait_for("answered", count)
                self.assertEqual(phone.wait_for("media", count)["received"], 10)
            caller.tell("hangup")
            for phone in (one, two):
                phone.wait_for("call_ended", count)

    def deregister(self):
        for phone in self.phones:
            phone.tell("deregister")
            phone.wait_for("deregistered")

    def test_our_pcscf_with_its_icscf_and_scscf(self):
        self.make_core(pcscf={"ipsec": {"policy": "off"}, "mw": {"entry": ICSCF}})
        for role in ("icscf", "scscf"):
            self.kamailio(self.core.scscf, role, diameter=True)
        self.core.start_daemon("pcscf")
        for role in ("icscf", "scscf"):
            self.core.labhss_daemon.wait_for_line(f"Diameter peer {role}.* connected")
        self.checked(self.register, "--no-ipsec")
        self.checked(self.call)
        self.checked(self.deregister)
        self.assertNotIn("subscribe.failed", self.core.pcscf_daemon.output())

    def test_its_pcscf_with_our_scscf(self):
        self.make_core(scscf={"registrar": {"accept_unprotected_aka": True}})
        self.start_our_scscf()
        self.kamailio(self.core.pcscf, "pcscf")
        self.checked(self.register, "--no-ipsec")
        self.checked(self.call)
        self.checked(self.deregister)

    def test_its_pcscf_with_ipsec_and_our_scscf(self):
        self.make_core()
        self.start_our_scscf()
        self.kamailio(self.core.pcscf, "pcscf", defines=["WITH_IPSEC"])
        # A contact is known there with its transport: what a handset that registered by TCP sends by UDP is a stranger's.
        self.checked(self.register, "--requests", "tcp")
        self.checked(self.call)
        used = [sa for sa in self.core.pcscf.security_associations() if sa["packets"] > 0]
        self.assertGreaterEqual(len(used), 6, "not even three associations for each handset carry the call")
        # Its P-CSCF removes the security associations before the 200 of a deregistration has gone over them: the handset
        # never hears it.
        for phone in self.phones:
            phone.tell("deregister")
            self.core.scscf_daemon.wait_for_line(f"register.deregistered {phone.subscriber.impi}")


if __name__ == "__main__":
    unittest.main()
