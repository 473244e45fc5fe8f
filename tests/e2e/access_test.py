#!/usr/bin/python3
# runs: host
# limit: 90
"""Who may change things: users and groups on a unix socket, names in certificates with TLS, nobody on plain loopback; and
every change and every refusal is told.

    ./tests/run e2e access
"""
import os
import subprocess
import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from diagnoses import BIN, DiagnosisTest, PLAIN  # noqa: E402  (the first: it finds the lab's modules)

# Of every Debian: user and group ids of games, nobody and man.
GAMES, GAMES_GROUP, NOBODY, NOGROUP = 5, 60, 65534, 65534
DAEMON_GROUP = 1


def openssl(folder, *args):
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)


class Access(DiagnosisTest):
    SUBSCRIBERS, HANDSETS = 8, 1
    SCSCF = {"registrar": {"accept_unprotected_aka": True}, "control": {"admins": ["games", "@daemon"]}}
    PCSCF = {"ipsec": {"policy": "off"}, "control": {
        "listen": "10.45.0.4:7070", "admins": ["ann"],
        "tls": {"certificate": "@folder@/server.pem", "key": "@folder@/server.key", "clients_ca": "@folder@/ca.pem"}}}
    HSS = {"control": {"listen": "127.0.0.1:7070"}}

    @classmethod
    def prepare(cls):
        folder = cls.network.folder
        # Certificates of two authorities: ours, and one that nobody knows.
        for ca in ("ca", "other"):
            openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", f"/CN={ca}", "-keyout", f"{ca}.key", "-out", f"{ca}.pem")
        for name, ca, names in (("server", "ca", "subjectAltName=IP:10.45.0.4"), ("ann", "ca", ""), ("bob", "ca", ""),
                                ("eve", "other", "")):
            openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                    "-keyout", f"{name}.key", "-out", f"{name}.csr")
            (folder / f"{name}.ext").write_text(names)
            openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial",
                    "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem")
        os.chmod(folder, 0o755)

    def as_user(self, user, groups, *args):
        os.chmod(self.network.folder / "scscf.sock", 0o666)  # as if each of them were in the socket's group
        return subprocess.run(
            ["setpriv", f"--reuid={user}", f"--regid={NOGROUP}", f"--groups={groups}", BIN / "imsctl", "--scscf",
             self.core.control["scscf"], *args], text=True, capture_output=True, timeout=30)

    def by_certificate(self, name, *args):
        config = self.network.folder / f"imsctl-{name}.yaml"
        folder = self.network.folder
        config.write_text(f'pcscf: ["10.45.0.4:7070"]\n'
                          f'tls: {{ca: {folder}/ca.pem, certificate: {folder}/{name}.pem, key: {folder}/{name}.key}}\n')
        return self.core.scscf.run(BIN / "imsctl", "--config", config, "--timeout", "2s", *args, check=False)

    def audited(self, text):
        return [line for line in (self.network.folder / "scscf.log").read_text().splitlines() if "audit" in line and text in line]

    def test_when_a_user_is_no_admin_then_it_may_look_and_not_change(self):
        one = self.someone()
        self.stay(one, *PLAIN)
        looked = self.as_user(NOBODY, NOGROUP, "show", one.imsi)
        self.assertEqual(looked.returncode, 0, looked.stderr)
        status = self.as_user(NOBODY, NOGROUP, "status")
        self.assertIn("you may look, but not change anything: to it you are user nobody", status.stdout)
        refused = self.as_user(NOBODY, NOGROUP, "deregister", one.imsi)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("user nobody may look, but not change anything (deregister): control.admins says who may", refused.stderr)
        self.assertEqual(len(self.audited(f"user nobody: deregister {one.imsi}: refused: not an admin")), 1)
        self.assertIn(one.impi, self.as_user(NOBODY, NOGROUP, "--json", "registrations").stdout)
        for change in (["reload"], ["drain", "--no-wait"], ["hangup", one.imsi]):
            self.assertIn("may look, but not change", self.as_user(NOBODY, NOGROUP, *change).stderr)

    def test_when_a_user_is_an_admin_by_name_or_group_then_changes_are_done_and_audited(self):
        for user, groups, name in ((GAMES, GAMES_GROUP, "games"), (NOBODY, DAEMON_GROUP, "nobody")):
            one = self.someone()
            self.stay(one, *PLAIN)
            ended = self.as_user(user, groups, "deregister", one.imsi)
            self.assertEqual(ended.returncode, 0, ended.stderr)
            self.assertEqual(len(self.audited(f"user {name}: deregister {one.imsi}: done")), 1)
            self.assertIn("audit", self.core.imsctl_text("--scscf", self.core.control["scscf"], "show", one.imsi, check=False))
            self.doCleanups()
        self.assertEqual(self.as_user(GAMES, GAMES_GROUP, "reload").returncode, 0)
        self.assertEqual(len(self.audited("user games: reload: done")), 1)

    def test_when_a_certificate_names_an_admin_then_it_may_change(self):
        done = self.by_certificate("ann", "reload")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("certificate ann: reload: done", (self.network.folder / "pcscf.log").read_text())

    def test_when_a_certificate_names_somebody_else_then_it_may_look(self):
        looked = self.by_certificate("bob", "status")
        self.assertEqual(looked.returncode, 0, looked.stderr)
        self.assertIn("to it you are certificate bob", looked.stdout)
        refused = self.by_certificate("bob", "reload")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("certificate bob may look, but not change anything (reload)", refused.stderr)

    def test_when_a_certificate_is_of_another_authority_then_nothing_is_told(self):
        refused = self.by_certificate("eve", "status")
        self.assertEqual(refused.returncode, 3)
        self.assertIn("is not reachable", refused.stderr)
        plain = self.core.scscf.run(BIN / "imsctl", "--pcscf", "10.45.0.4:7070", "--timeout", "2s", "status", check=False)
        self.assertEqual(plain.returncode, 3)
        self.assertNotIn("pcscf.", plain.stdout)

    def test_when_it_is_plain_loopback_then_even_root_only_looks(self):
        host = self.core.hss
        imsctl = [BIN / "imsctl", "--labhss", "127.0.0.1:7070"]
        self.assertIn(self.subscribers[0].imsi, host.run(*imsctl, "subscribers").stdout)
        refused = host.run(*imsctl, "push-profile", self.subscribers[0].imsi, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("a client on loopback may look, but not change anything (push the profile of)", refused.stderr)


if __name__ == "__main__":
    unittest.main()
