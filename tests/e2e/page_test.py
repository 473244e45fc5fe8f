#!/usr/bin/python3
# runs: host
# limit: 180
"""The web page in a real browser: registrations, one subscriber's story with its ladder, live events, health; with pictures in
the results folder, from which those of docs/pictures are taken.

    ./tests/run e2e page
"""
import os
import re
import sys
import unittest
import urllib.error
import urllib.request
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from diagnoses import DiagnosisTest, PLAIN, wait_until  # noqa: E402  (the first: it finds the lab's modules)
from network import inside  # noqa: E402
from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402

PAGE = "http://127.0.0.1:8080/"


class Page(DiagnosisTest):
    SUBSCRIBERS, HANDSETS = 8, 1
    SCSCF = {"registrar": {"accept_unprotected_aka": True}}
    PCSCF = {"ipsec": {"policy": "off"}, "page": {"listen": "127.0.0.1:8080", "scscf": ["unix:@folder@/scscf.sock"]}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The browser is beside the daemon, as through ssh -L: the page is for loopback only.
        driver = cls.core.pcscf.start("/usr/bin/chromedriver", "--port=9515", name="chromedriver")
        driver.wait_for_line("started successfully", 30)
        options = webdriver.ChromeOptions()
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server",
                         "--disable-background-networking", "--disable-component-update", "--window-size=1180,900",
                         f"--user-data-dir={cls.network.folder}/browser"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        with inside(cls.core.pcscf.namespace):
            cls.browser = webdriver.Remote("http://127.0.0.1:9515", options=options)
        cls.addClassCleanup(cls.quit)

    @classmethod
    def quit(cls):
        with inside(cls.core.pcscf.namespace):
            cls.browser.quit()

    def setUp(self):
        self.enterContext(inside(self.core.pcscf.namespace))

    def tearDown(self):
        wrong = [line["message"] for line in self.browser.get_log("browser") if line["level"] == "SEVERE"]
        self.assertEqual(wrong, [], "the browser's console")

    def open(self, hash=""):
        self.browser.get(PAGE + hash)

    def shown(self):
        return self.browser.find_element(By.ID, "main").text

    def see(self, pattern, seconds=10):
        wait_until(lambda: re.search(pattern, self.shown()), seconds, lambda: f"{pattern!r} in:\n{self.shown()}")

    def picture(self, name):
        folder = os.environ.get("LAPWING_TEST_RESULTS", str(self.network.folder))
        self.browser.save_screenshot(f"{folder}/{name}.png")
        self.assertGreater(Path(f"{folder}/{name}.png").stat().st_size, 10_000)

    def handset(self, *options):
        """Registered in the namespace of the tests, while the browser's is entered."""
        one = self.someone()
        self.register(one, *PLAIN, *options)
        return one

    def test_click_through(self):
        self.open()
        self.see("Nobody has tried|users?")
        good = self.someone()
        self.stay(good, *PLAIN)
        bad = self.handset("--misbehave", "wrong-res")
        with self.subTest("registrations come by themselves"):
            self.see(f"{good.imsi}.*registered.*registered")
            self.see(f"{bad.imsi}.*rejected|{bad.imsi}.*challenged")
            self.picture("page-registrations")
        with self.subTest("a click leads to the story of one who cannot register"):
            self.browser.find_element(By.LINK_TEXT, bad.imsi).click()
            self.see("Why, likeliest first")
            self.see("wrong-response")
            self.see("401 Unauthorized")
            ladder = self.browser.find_element(By.CSS_SELECTOR, ".ladder img")
            wait_until(lambda: int(ladder.get_property("naturalWidth")) > 200, 10, lambda: "the ladder's picture")
            self.picture("page-story")
            self.browser.execute_script("arguments[0].scrollIntoView()", ladder)
            self.picture("page-ladder")
        with self.subTest("a message opens"):
            summary = next(one for one in self.browser.find_elements(By.TAG_NAME, "summary") if "REGISTER" in one.text)
            summary.click()
            self.see("CSeq: 1 REGISTER|CSeq: ")
        with self.subTest("one who is searched for is found by its number"):
            field = self.browser.find_element(By.ID, "identity")
            field.send_keys(good.imsi)
            self.browser.find_element(By.CSS_SELECTOR, "#find button").click()
            self.see("Nothing is wrong|registered")
            self.assertIn(good.impi, self.shown())
        with self.subTest("events come live"):
            self.browser.find_element(By.LINK_TEXT, "Events").click()
            self.see("Events, as they come")
            late = self.handset()
            self.see(f"register.accepted.*{late.imsi}|{late.imsi}")
            self.picture("page-events")
        with self.subTest("health of both daemons and the HSS"):
            self.browser.find_element(By.LINK_TEXT, "Health").click()
            self.see("pcscf")
            self.see("scscf")
            self.see("hss\\.ims\\.mnc001.*open")
            self.picture("page-health")
        with self.subTest("calls"):
            self.browser.find_element(By.LINK_TEXT, "Calls").click()
            self.see("No call is on")

    def test_when_an_identity_is_hostile_then_it_stays_text(self):
        self.open("#/user/" + "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")
        self.see("<img src=x onerror=alert\\(1\\)>")
        self.assertEqual(self.browser.find_elements(By.CSS_SELECTOR, "main img[src='x']"), [])

    def test_when_another_site_points_its_name_here_then_it_is_refused(self):
        request = urllib.request.Request(PAGE + "api/registrations", headers={"Host": "evil.example.org"})
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=5)
        self.assertEqual(refused.exception.code, 403)

    def test_when_the_other_daemon_is_away_then_the_page_says_so(self):
        self.core.scscf_daemon.stop()
        try:
            self.open("#/health")
            self.see("the S-CSCF at .* is not reachable")
            self.see("pcscf")
        finally:
            self.core.start_daemon("scscf")
        self.browser.get_log("browser")


if __name__ == "__main__":
    unittest.main()
