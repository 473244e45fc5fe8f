#!/usr/bin/python3
# runs: host
# limit: 120
"""The metrics of both daemons: what they say after registrations that work and fail, in both formats; promtool finds nothing
wrong with them, a Prometheus scrapes them, and page, dashboard and rules name what there is.

    ./tests/run e2e metrics
"""
import json
import re
import subprocess
import sys
import unittest
import urllib.parse
import urllib.request
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from diagnoses import ROOT, DiagnosisTest, PLAIN, wait_until  # noqa: E402  (the first: it finds the lab's modules)
from network import inside  # noqa: E402

OPEN_METRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
PORT = 9464
# What a histogram and a counter add to the name of their family.
ENDINGS = re.compile(r"_(total|info|bucket|count|sum)$")


def families(text):
    return set(re.findall(r"^# TYPE (\S+) ", text, re.M))


class Metrics(DiagnosisTest):
    SUBSCRIBERS, HANDSETS = 4, 1
    SCSCF = {"registrar": {"accept_unprotected_aka": True}, "metrics": {"listen": f"10.45.0.3:{PORT}"}}
    PCSCF = {"ipsec": {"policy": "off"}, "metrics": {"listen": f"10.45.0.4:{PORT}"}}
    ADDRESS = {"scscf": "10.45.0.3", "pcscf": "10.45.0.4"}

    def get(self, daemon, accept="text/plain", path="/metrics", method="GET"):
        request = urllib.request.Request(f"http://{self.ADDRESS[daemon]}:{PORT}{path}", headers={"Accept": accept}, method=method)
        with inside(self.core.scscf.namespace), urllib.request.urlopen(request, timeout=10) as answer:
            return answer.headers["Content-Type"], answer.read().decode()

    def value(self, daemon, sample):
        found = re.search(rf"^{re.escape(sample)} (\S+)$", self.get(daemon)[1], re.M)
        return float(found[1]) if found else None

    def test_when_handsets_register_then_it_is_counted_and_timed(self):
        one, other = self.someone(), self.someone()
        before = self.value("scscf", 'lapwing_diagnoses_total{code="wrong-response"}')
        self.assertEqual(before, 0)
        self.stay(one, *PLAIN)
        self.register(other, *PLAIN, "--misbehave", "wrong-res")
        self.assertEqual(self.value("scscf", 'lapwing_diagnoses_total{code="wrong-response"}'), 1)
        self.assertEqual(self.value("pcscf", "lapwing_registrations"), 1)
        # The default identity as SIP and tel URI, which the HSS has as one set.
        self.assertGreaterEqual(self.value("scscf", "lapwing_registrations"), 1)
        self.assertGreaterEqual(self.value("scscf", 'lapwing_events_total{kind="register.accepted"}'), 1)
        for daemon in ("pcscf", "scscf"):
            for code in ("401", "200"):
                sample = f'lapwing_sip_server_seconds_count{{method="REGISTER",code="{code}"}}'
                self.assertGreaterEqual(self.value(daemon, sample), 1, sample)
        self.assertGreaterEqual(self.value("scscf", 'lapwing_cx_seconds_count{command="MAR",outcome="success"}'), 2)
        self.assertEqual(self.value("pcscf", "lapwing_registration_seconds_count"), 1)
        self.assertEqual(self.value("scscf", f'lapwing_hss_up{{host="hss.{one.impi.partition("@")[2]}"}}'), 1)
        text = self.get("pcscf")[1] + self.get("scscf")[1]
        self.assertNotIn(one.imsi, text)
        self.assertNotIn(other.imsi, text)

    def test_when_a_client_wants_open_metrics_then_it_gets_them(self):
        kind, text = self.get("pcscf", OPEN_METRICS)
        self.assertEqual(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.assertTrue(text.endswith("# EOF\n"))
        self.assertIn("# TYPE lapwing_diagnoses counter\n", text)
        kind, text = self.get("pcscf")
        self.assertEqual(kind, "text/plain; version=0.0.4; charset=utf-8")
        self.assertIn("# TYPE lapwing_diagnoses_total counter\n", text)

    def test_when_something_else_is_asked_for_then_it_is_refused(self):
        for path, method, code in (("/other", "GET", 404), ("/metrics", "POST", 405)):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                self.get("pcscf", path=path, method=method)
            self.assertEqual(refused.exception.code, code)

    def test_promtool_finds_nothing_wrong(self):
        for daemon in ("pcscf", "scscf"):
            checked = subprocess.run(["promtool", "check", "metrics"], input=self.get(daemon)[1], text=True, capture_output=True)
            self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""), daemon)
        rules = sorted((ROOT / "deploy/prometheus").glob("*.rules.yml"))
        self.assertTrue(rules)
        checked = subprocess.run(["promtool", "check", "rules", *rules], text=True, capture_output=True)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        self.assertIn("SUCCESS", checked.stdout)
        tested = subprocess.run(["promtool", "test", "rules", *sorted((ROOT / "deploy/prometheus").glob("*.test.yml"))],
                                text=True, capture_output=True, cwd=ROOT / "deploy/prometheus")
        self.assertEqual(tested.returncode, 0, tested.stdout + tested.stderr)

    def all_families(self):
        return families(self.get("pcscf")[1]) | families(self.get("scscf")[1])

    def test_the_page_lists_what_there_is(self):
        listed = set(re.findall(r"^\| `([a-z_]+)` \|", (ROOT / "docs/metrics.md").read_text(), re.M))
        # These come with a configuration that this test does not have.
        elsewhere = {"lapwing_short_messages"}
        self.assertEqual(listed - elsewhere, self.all_families())

    def test_rules_and_dashboard_name_what_there_is(self):
        known = self.all_families() | {"lapwing_short_messages", "up"}
        expressions = re.findall(r"^\s+expr: (.*(?:\n\s{8,}.*)*)", (ROOT / "deploy/prometheus/lapwing.rules.yml").read_text(), re.M)
        dashboard = json.loads((ROOT / "deploy/grafana/lapwing.json").read_text())
        panels = list(dashboard["panels"])
        for panel in panels:
            panels += panel.get("panels", [])
            expressions += [target["expr"] for target in panel.get("targets", [])]
        self.assertGreater(len(expressions), 10)
        for expression in expressions:
            for name in re.findall(r"\b(?:lapwing|process)_[a-z_]+", expression):
                self.assertTrue(name in known or ENDINGS.sub("", name) in known, f"{name} in {expression}")

    def test_a_prometheus_scrapes_both(self):
        folder = self.network.folder / "prometheus"
        folder.mkdir()
        targets = ", ".join(f'"{address}:{PORT}"' for address in self.ADDRESS.values())
        config = folder / "prometheus.yml"
        config.write_text(f"""
global: {{scrape_interval: 1s}}
rule_files: ["{ROOT}/deploy/prometheus/lapwing.rules.yml"]
scrape_configs:
  - job_name: lapwing
    static_configs: [{{targets: [{targets}]}}]
""")
        host = self.core.core_host("monitor", "10.45.0.9/24")
        host.start("/usr/bin/prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data",
                   "--web.listen-address=127.0.0.1:9090", name="prometheus")

        def query(expression):
            address = "http://127.0.0.1:9090/api/v1/query?" + urllib.parse.urlencode({"query": expression})
            try:
                with inside(host.namespace), urllib.request.urlopen(address, timeout=5) as answer:
                    return [float(one["value"][1]) for one in json.load(answer)["data"]["result"]]
            except OSError:
                return []
        wait_until(lambda: query('up{job="lapwing"}') == [1, 1], 30, lambda: (self.network.folder / "prometheus.log").read_text())
        self.assertEqual(len(query("lapwing_registrations")), 2)
        self.assertEqual(len(query('lapwing_diagnoses_total{code="wrong-response"}')), 2)


if __name__ == "__main__":
    unittest.main()
