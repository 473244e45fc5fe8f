#!/usr/bin/python3
# runs: esp-kernel
# limit: 300
"""`imsctl explain` names what is wrong with IPsec: the security agreement, the kernel's associations, and what handsets send
over them or past them.

    ./tests/run e2e diagnoses_ipsec
"""
import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from diagnoses import Core, DiagnosisTest  # noqa: E402  (the first: it finds the lab's modules)
from plain_handset import AkaHandset  # noqa: E402


class DiagnosesIpsec(DiagnosisTest):
    HANDSETS = 1
    SCSCF = {"registrar": {"reauthenticate_after": "0s"}}
    PCSCF = {"ipsec": {"grace": "1s", "algorithms": ["hmac-sha-1-96/aes-cbc", "hmac-sha-1-96/null"]}}

    def misbehaves(self, name, code):
        one = self.someone()
        options = ["--spoof-imsi", self.subscribers[-1].imsi] if name.startswith("spoof") else []
        self.register(one, "--misbehave", name, *options)
        return self.fails(one.imsi, code)

    def handset(self):
        one = self.someone()
        phone = AkaHandset(self.hosts[0].host, self.address(one), Core.GM[0], one)
        self.addCleanup(phone.close)
        return one, phone

    def challenged(self):
        one, phone = self.handset()
        phone.begin()
        challenge = phone.do()
        self.assertEqual(challenge.code, 401)
        return one, phone, challenge

    # ---- No answer comes to the challenge ----

    def test_challenge_unanswered(self):
        told = self.misbehaves("no-answer", "challenge-unanswered")
        self.assertIn("401", told["missing"])

    def test_esp_unknown_spi(self):
        one, phone, challenge = self.challenged()
        phone.prepare(challenge)
        phone.install(phone.ours, {**phone.theirs, "spi-s": phone.theirs["spi-s"] ^ 0x5555},
                      ("hmac(sha1)", phone.vector.ik.hex() + "00000000"))
        self.assertIsNone(phone.do(1))
        self.fails(one.imsi, "esp-unknown-spi")

    def test_esp_wrong_keys(self):
        one, phone, challenge = self.challenged()
        phone.prepare(challenge)
        phone.install(phone.ours, phone.theirs, ("hmac(sha1)", "11" * 20))
        self.assertIsNone(phone.do(1))
        self.fails(one.imsi, "esp-wrong-keys")

    def test_esp_wrong_port(self):
        self.misbehaves("wrong-port", "esp-wrong-port")

    def test_answer_in_clear(self):
        one, phone, challenge = self.challenged()
        phone.prepare(challenge)
        phone.remove()
        self.assertIsNone(phone.do(1))
        self.fails(one.imsi, "answer-in-clear")

    # ---- The security agreement ----

    def test_sec_agree_missing(self):
        one = self.someone()
        self.register(one, "--no-ipsec")
        self.fails(one.imsi, "sec-agree-missing")

    def test_security_client_missing(self):
        self.misbehaves("no-client", "security-client-missing")

    def test_security_client_differs(self):
        self.misbehaves("wrong-client", "security-client-differs")

    def test_security_verify_missing(self):
        self.misbehaves("no-verify", "security-verify-missing")

    def test_security_verify_differs(self):
        self.misbehaves("wrong-verify", "security-verify-differs")

    def test_no_common_algorithm(self):
        one = self.someone()
        self.register(one, "--algorithms", "hmac-md5-96/null")
        told = self.fails(one.imsi, "no-common-algorithm")
        self.assertIn("hmac-md5-96/null", told["findings"][0]["text"])

    def test_sa_of_other_user(self):
        self.misbehaves("spoof-answer", "sa-of-other-user")

    # ---- Associations that cannot be, or are gone ----

    def test_no_such_sa(self):
        """An association that another program made in the P-CSCF's kernel."""
        one, phone = self.handset()
        phone.begin()
        spi, pcscf = 0x77000001, Core.GM[0]
        protected = 6100
        keys = 'auth-trunc hmac(sha1) 0x' + "22" * 20 + ' 96 enc ecb(cipher_null) ""'
        for host, reqid in ((self.core.pcscf, Core.REQID), (phone.host, 77)):
            host.ip(*[f"xfrm state add src {source} dst {destination} proto esp spi {spi + number} reqid {reqid} "
                      f"mode transport {keys}" for number, (source, destination) in
                      enumerate(((phone.address, pcscf), (pcscf, phone.address)))])
        self.addCleanup(self.core.pcscf.ip, *[
            f"xfrm state delete src {source} dst {destination} proto esp spi {spi + number}" for number, (source, destination)
            in enumerate(((phone.address, pcscf), (pcscf, phone.address)))])
        phone.host.ip(f"xfrm policy add src {phone.address} dst {pcscf} proto udp dport {protected} dir out tmpl proto esp "
                      "reqid 77 mode transport")
        with phone.udp(6399) as socket:
            phone.exchange_udp(socket, protected, phone.register(), seconds=1)
        self.fails(one.imsi, "no-such-sa")

    def test_sa_ports_clash(self):
        """An SPI of the handset's that the P-CSCF's kernel has already."""
        one, phone = self.handset()
        phone.begin()
        selector = f"src {Core.GM[0]} dst {phone.address} proto esp spi {phone.ours['spi-c']}"
        self.core.pcscf.ip(f"xfrm state add {selector} reqid 99 mode transport auth-trunc hmac(sha1) 0x{'33' * 20} 96 "
                           'enc ecb(cipher_null) ""')
        self.addCleanup(self.core.pcscf.ip, f"xfrm state delete {selector}")
        self.assertEqual(phone.do().code, 403)
        self.fails(one.imsi, "sa-ports-clash")

    def test_sa_missing_in_kernel(self):
        one = self.someone()
        self.stay(one, "--subscribe").wait_for("notify")
        for sa in self.core.sas():
            if self.address(one) in (sa["source"], sa["destination"]):
                self.core.pcscf.ip(f"xfrm state delete src {sa['source']} dst {sa['destination']} proto esp spi {sa['spi']}")
        told = self.named(one.imsi, "sa-missing-in-kernel")
        self.assertTrue(told["findings"][0]["failure"])


class DiagnosesSecondPcscf(DiagnosisTest):
    """A P-CSCF where IPsec is optional, and that has two SPIs: for one handset."""
    HANDSETS = 1
    PCSCF = {"ipsec": {"policy": "optional", "spi_min": 70000, "spi_max": 70001}}

    def test_answer_unprotected(self):
        one = self.someone()
        self.register(one, "--no-ipsec", "--expect", "401")
        self.fails(one.imsi, "answer-unprotected")

    def test_sa_not_set_up(self):
        self.stay(self.someone())
        two = self.someone()
        self.register(two)
        self.fails(two.imsi, "sa-not-set-up")


if __name__ == "__main__":
    unittest.main()
