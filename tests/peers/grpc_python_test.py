#!/usr/bin/python3
# runs: host
"""A gRPC client we did not write talks to a control server: stubs made by protoc and Python's plugin, in a temporary folder.

  tests/peers/grpc_python_test.py [PATH OF control_probe]

Needs the packages protobuf-compiler-grpc and python3-grpcio; without them it says so and exits with 77 (skipped).
"""
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROBE = os.path.join(ROOT, "build/release/bin/control_probe")

try:
    import grpc
except ImportError:
    print("skipped: the package python3-grpcio is missing")
    sys.exit(77)
PLUGIN = shutil.which("grpc_python_plugin")
if PLUGIN is None or shutil.which("protoc") is None:
    print("skipped: the packages protobuf-compiler and protobuf-compiler-grpc are missing")
    sys.exit(77)


class ControlTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        protos = [f"lapwing/v1/{name}.proto" for name in ("options", "config", "control")]
        subprocess.run(
            ["protoc", "-I", os.path.join(ROOT, "proto"), f"--plugin=protoc-gen-grpc={PLUGIN}",
             f"--python_out={cls.folder.name}", f"--grpc_out={cls.folder.name}", *protos], check=True)
        sys.path.insert(0, cls.folder.name)
        cls.pb = importlib.import_module("lapwing.v1.control_pb2")
        cls.rpc = importlib.import_module("lapwing.v1.control_pb2_grpc")
        cls.address = f"unix:{cls.folder.name}/control.sock"
        cls.probe = subprocess.Popen([PROBE, cls.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if cls.probe.stdout.readline() != "ready\n":
            raise RuntimeError("control_probe did not start")
        cls.channel = grpc.insecure_channel(cls.address)
        cls.control = cls.rpc.ControlStub(cls.channel)

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        if cls.probe.poll() is None:
            cls.probe.stdin.close()
        cls.probe.wait(timeout=10)
        cls.probe.stdout.close()
        cls.folder.cleanup()

    def test_status_names_the_program(self):
        reply = self.control.Status(self.pb.StatusRequest(), timeout=5)
        self.assertEqual(reply.program, "probe")
        self.assertEqual([(g.name, g.value) for g in reply.gauges], [("registrations", 1)])

    def test_registrations_are_listed_and_filtered(self):
        both = self.control.ListRegistrations(self.pb.ListRegistrationsRequest(), timeout=5)
        self.assertEqual([r.state for r in both.registrations], ["registered", "challenge unanswered"])
        one = self.control.ListRegistrations(self.pb.ListRegistrationsRequest(identity="001010000000002"), timeout=5)
        self.assertEqual(one.registrations[0].why, "K or OPc differ\nESP is dropped")

    def test_an_unknown_user_is_not_found(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.control.Show(self.pb.ShowRequest(identity="nobody"), timeout=5)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)
        self.assertEqual(caught.exception.details(), "no registration of nobody")

    def test_what_is_not_served_is_unimplemented(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.control.ListSaSets(self.pb.ListSaSetsRequest(), timeout=5)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNIMPLEMENTED)

    def test_the_lab_hss_service_answers(self):
        reply = self.rpc.LabHssStub(self.channel).Terminate(self.pb.TerminateRequest(identity="x", reason=3), timeout=5)
        self.assertEqual(reply.result, "DIAMETER_SUCCESS, reason 3")

    def test_health_is_served(self):
        check = self.channel.unary_unary("/grpc.health.v1.Health/Check")
        self.assertEqual(check(b"", timeout=5), b"\x08\x01")

    def test_reflection_lists_the_services(self):
        info = self.channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
        reply = next(info(iter([b"\x3a\x00"]), timeout=5))
        self.assertIn(b"lapwing.v1.Control", reply)
        self.assertIn(b"lapwing.v1.LabHss", reply)

    def test_watch_streams_what_deregister_causes(self):
        stream = self.control.Watch(self.pb.WatchRequest(identity="001010000000001"), timeout=10)
        stream.initial_metadata()  # returns when the server watches
        self.control.Deregister(self.pb.DeregisterRequest(identity="001010000000001", reason="rejected"), timeout=5)
        event = next(stream)
        self.assertEqual(event.kind, "deregister.network")
        self.assertEqual(event.text, "the operator ended the registration, rejected")
        self.assertEqual(event.lost, 0)
        stream.cancel()

    def test_z_it_stops_quickly_while_somebody_watches(self):
        stream = self.control.Watch(self.pb.WatchRequest(), timeout=10)
        stream.initial_metadata()
        ended = threading.Event()
        codes = []

        def drain():
            try:
                for _ in stream:
                    pass
            except grpc.RpcError as error:
                codes.append(error.code())
            ended.set()

        threading.Thread(target=drain, daemon=True).start()
        self.probe.stdin.close()
        self.assertTrue(ended.wait(5))
        line = self.probe.stdout.readline()
        self.assertRegex(line, r"^stopped in \d+ ms$")
        self.assertLess(int(line.split()[2]), 1000)
        self.assertEqual(codes, [grpc.StatusCode.UNAVAILABLE])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        PROBE = sys.argv.pop(1)
    unittest.main(verbosity=2)
