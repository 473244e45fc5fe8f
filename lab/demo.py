"""The demo's inside: what lab/demo runs under a kernel with ESP. Prints what it does and checks each step.

    lab/esp-kernel -- /usr/bin/python3 lab/demo.py [--shell]
"""
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from network import BIN, Core, LabError, Network, Subscriber, wait_until  # noqa: E402
from wire import ladder, messages, read_capture  # noqa: E402

GRACE = 2  # seconds that the P-CSCF keeps an ended set

passed = 0
began = time.monotonic()


def say(text=""):
    print(text, flush=True)


def step(text):
    say(f"\n== {text}   [{time.monotonic() - began:.1f} s]")


def check(what, holds, otherwise=""):
    global passed
    if not holds:
        raise LabError(f"check failed: {what}" + (f": {otherwise}" if otherwise else ""))
    passed += 1
    say(f"   ok  {what}")


def show(core, *args):
    say(f"\n$ imsctl {' '.join(args)}")
    say("\n".join("  " + line for line in core.imsctl_text(*args).rstrip().splitlines()))


def registration(core, daemon, subscriber):
    found = core.imsctl("registrations", check=False).get(daemon, {}).get("registrations", [])
    return next((one for one in found if one["impi"] == subscriber.impi), {})


def start_core(core):
    step("HSS, S-CSCF and P-CSCF start, each on a host of its own")
    core.start_daemon("labhss")
    check(f"the HSS serves {len(core.subscribers)} subscribers on {core.HSS[0]}", True)
    core.start_daemon("scscf")
    core.scscf_daemon.wait_for_line(r"Diameter peer \S+ connected")
    peers = core.imsctl("hss", check=False)["scscf"]["peers"]
    check(f"the S-CSCF on {core.SCSCF[0]} has a Diameter connection to the HSS", len(peers) == 1, peers)
    core.start_daemon("pcscf")
    check(f"the P-CSCF is up: handsets reach it at {core.GM[0]} and {core.GM[1]}", True)


def register(core, phone):
    phone.start("--subscribe", "--t1", "500ms")
    subscriber = phone.subscriber
    phone.wait_for("challenged")
    registered = phone.wait_for("registered")
    check(f"handset {phone.number} ({phone.address}) is challenged, answers, and is registered with 200 OK",
          registered["code"] == 200)
    check(f"  it agreed on {registered['alg']} and is {' and '.join(registered['impus'])}", registered["alg"] != "none")
    notify = phone.wait_for("notify")
    check("  its subscription to its registration brought a NOTIFY that says: active",
          all(one.endswith("=active") for one in notify["registrations"]), notify)
    at_pcscf, at_scscf = registration(core, "pcscf", subscriber), registration(core, "scscf", subscriber)
    check("  the P-CSCF has it registered, protected", at_pcscf.get("state") == "registered" and
          at_pcscf.get("protection") == registered["alg"], at_pcscf)
    check("  the S-CSCF has it registered", at_scscf.get("state") == "registered", at_scscf)


def check_sas(core, phone):
    sas = [sa for sa in core.sas() if phone.address in (sa["source"], sa["destination"])]
    check(f"handset {phone.number} has 4 security associations in the P-CSCF's kernel", len(sas) == 4, sas)
    check(f"  packets went through each of them ({', '.join(str(sa['packets']) for sa in sas)})",
          all(sa["packets"] > 0 for sa in sas))
    own = phone.host.security_associations()
    check("  the handset's own kernel has the same four SPIs",
          {sa["spi"] for sa in own} == {sa["spi"] for sa in sas}, own)


def check_wire(packets, phone, core):
    ours = [p for p in packets if {p.source, p.destination} == {phone.address, core.GM[0]}]
    challenge = next((p for p in ours if any(line.startswith("SIP/2.0 401") for line, *_ in p.sip)), None)
    check("the wire of the access network shows the 401 in clear", challenge is not None and challenge.spi == 0)
    after = [p for p in ours if p.time > challenge.time]
    check(f"  after it ESP only, {len(after)} packets", after and all(p.protocol == 50 for p in after),
          [p.layers for p in after if p.protocol != 50][:3])
    check("  deciphered with the keys, every ESP packet has a good ICV", all(p.authenticated for p in after if not p.fragment))
    lines = [line for p in after for line, *_ in p.sip]
    check("  inside: REGISTER, 200, SUBSCRIBE and NOTIFY",
          all(any(line.startswith(name) for line in lines) for name in ("REGISTER", "SIP/2.0 200", "SUBSCRIBE", "NOTIFY")), lines)
    faulty = [p.faults for p in packets if p.faults]
    check(f"  and tshark finds no malformed packet among {len(packets)}", not faulty, faulty[:3])


def call(core, one, two):
    step("Handset 1 calls handset 2, and the wires are captured")
    paths = {name: core.network.folder / f"call-{name}.pcap" for name in ("access", "core")}
    dumps = [core.pcscf.capture(name, path) for name, path in paths.items()]
    began = time.monotonic()
    one.tell(f"call:+{two.subscriber.msisdn}")
    one.wait_for("ringing")
    check(f"handset 2 rings {(time.monotonic() - began) * 1000:.0f} ms after handset 1 has dialled its number",
          two.events("call_in"))
    answered = one.wait_for("answered")
    check(f"it answers: {answered['codec']}, preconditions met", answered["precondition"] == "yes", answered)
    check("  10 RTP packets are heard at both ends", one.wait_for("media") and two.wait_for("media"))
    show(core, "calls")
    calls = core.imsctl("calls")["scscf"]["calls"]
    check("imsctl calls shows the call, answered, with its media",
          [c["state"] for c in calls] == ["answered"] and "AMR-WB" in calls[0]["media"], calls)
    one.tell("hangup")
    ends = [phone.wait_for("call_ended") for phone in (one, two)]
    check("handset 1 hangs up, and both know it", [end["by"] for end in ends] == ["us", "them"], ends)
    record = json.loads(wait_until((core.network.folder / "calls.jsonl").read_text, 5, "no call record was written"))
    check(f"the call record says {record['seconds']} s, {record['reason']}", record["code"] == 200)
    sas = core.sas()
    for dump in dumps:
        dump.stop()
    packets = {name: read_capture(path, sas) for name, path in paths.items()}
    phones = {one.address, two.address}
    clear = [p for p in packets["access"] if p.protocol != 50 and {p.source, p.destination} & phones and p.sip]
    check(f"of its {len(packets['access'])} packets on the access network none had SIP in clear", not clear, clear[:3])
    story = sorted(messages(packets["access"]) + messages(packets["core"]), key=lambda message: message.time)
    say("\n   The ladder of the call; double lines are ESP:\n")
    say(ladder(story, {one.address: "handset 1", two.address: "handset 2", core.GM[0]: "P-CSCF",
                       core.PCSCF[0]: "P-CSCF", core.SCSCF[0]: "S-CSCF"}))


def short_message(core, one, two):
    step("Handset 1 sends handset 2 a short message, while that one is away")
    two.tell("deregister")
    two.wait_for("deregistered")
    one.tell(f"sms:+{two.subscriber.msisdn}:Hello from handset 1")
    check("the service centre in the S-CSCF takes it", one.wait_for("sms_report")["result"] == "ack")
    waiting = next(g["value"] for g in core.imsctl("status")["scscf"]["gauges"] if g["name"] == "short_messages")
    check("  and keeps it", waiting == "1", waiting)
    two.tell("register")
    came = two.wait_for("sms")
    check(f"handset 2 comes back, and gets it: \"{came['text']}\" from {came['originator']}",
          came["text"] == "Hello from handset 1" and came["originator"] == f"+{one.subscriber.msisdn}")


def demonstrate(core):
    start_core(core)

    step("Handset 1 registers through IPsec, and the wires are captured")
    wires = {"access": core.pcscf, "core": core.pcscf, "hss": core.hss}
    dumps = {}
    for name, host in wires.items():
        path = core.network.folder / f"{name}.pcap"
        dumps[path] = host.capture("access" if name == "access" else "core", path)
    one = core.handset(1)
    register(core, one)
    sas = core.sas()
    time.sleep(0.2)  # the 200 to the NOTIFY
    for dump in dumps.values():
        dump.stop()
    check_sas(core, one)

    step("Its registration on the wire")
    packets = {path.stem: read_capture(path, sas) for path in dumps}
    check_wire(packets["access"], one, core)
    story = sorted(messages(packets["access"]) + messages(packets["core"]) + messages(packets["hss"]),
                   key=lambda message: message.time)
    say("\n   The SIP ladder, Cx included; double lines are ESP:\n")
    say(ladder(story, {one.address: "handset 1", core.GM[0]: "P-CSCF", core.PCSCF[0]: "P-CSCF",
                        core.SCSCF[0]: "S-CSCF", core.HSS[0]: "HSS"}))

    step("Handset 2 registers")
    policies = core.policies()
    two = core.handset(2)
    register(core, two)
    check_sas(core, two)
    check(f"8 security associations in all, and still the {policies} policies that the P-CSCF began with",
          len(core.sas()) == 8 and core.policies() == policies, core.policies())

    call(core, one, two)
    short_message(core, one, two)

    step("What an operator looks at")
    show(core, "registrations")
    show(core, "show", one.subscriber.imsi)
    show(core, "sa")
    show(core, "hss")
    show(core, "status")
    check("imsctl shows two registrations, at both daemons",
          [len(reply.get("registrations", [])) for name, reply in core.imsctl("registrations", check=False).items()
           if name in ("pcscf", "scscf")] == [2, 2])
    return one, two


def end(core, one, two):
    step("The handsets leave: one by itself, one by the operator's hand")
    keys = {key for sub in core.subscribers.values() for key in (sub.k, sub.opc)}
    keys |= {sa[kind][1][2:34] for sa in core.sas() for kind in ("auth", "enc")}  # IK and CK
    two.tell("deregister")
    check("handset 2 ends its registration with 200 OK", two.wait_for("deregistered", 2)["code"] == 200)
    wait_until(lambda: len(core.sas()) == 4, GRACE + 5, lambda: f"still {len(core.sas())} security associations")
    check(f"  its security associations are gone {GRACE} s later, those of handset 1 remain",
          all(one.address in (sa["source"], sa["destination"]) for sa in core.sas()))
    core.imsctl("deregister", one.subscriber.imsi, check=False)
    last = wait_until(lambda: next((e for e in one.events("notify") if e.get("registered") == "no"), None), 10,
                      "no NOTIFY told handset 1 that the operator ended its registration")
    check("imsctl deregister ends the registration of handset 1, and a NOTIFY tells it", last is not None)
    wait_until(lambda: not core.sas(), GRACE + 5, lambda: f"still {len(core.sas())} security associations")
    check("  no security association is left", not core.sas())
    daemons = (core.pcscf_daemon, core.scscf_daemon, core.labhss_daemon)
    output = "".join(daemon.output() for daemon in daemons)
    check(f"none of the {len(keys)} keys in use is in what the daemons wrote", not any(key in output.lower() for key in keys))
    for daemon in daemons:
        start = time.monotonic()
        status = daemon.stop()
        took = time.monotonic() - start
        check(f"{daemon.name} stops in {took:.1f} s", status == 0 and took < 2, f"status {status}, {took:.1f} s")


def pass_on(pipe, phone):
    """What the operator tells a handset in the shell."""
    while True:
        with open(pipe) as lines:  # until its writer closes it
            for line in lines:
                phone.tell(line.strip())


def shell(core, *phones):
    folder = core.network.folder
    for phone in phones:
        pipe = folder / f"handset{phone.number}.in"
        os.mkfifo(pipe)
        threading.Thread(target=pass_on, args=(pipe, phone), daemon=True).start()
    rc = folder / "bashrc"
    rc.write_text(f"""
[ -r ~/.bashrc ] && . ~/.bashrc
PATH={BIN}:$PATH
alias imsctl='imsctl --config {core.files["imsctl"]}'
tell() {{ echo "${{*:2}}" > {folder}/"$1".in; }}
on() {{ ip netns exec {core.network.name}-"$1" "${{@:2}}"; }}
PS1='lab:\\w\\$ '
cd {folder}
cat <<'END'

Everything runs. Leave with: exit
  imsctl registrations | show 001010000000001 | sa | hss | watch    what the daemons say
  tell handset1 call:+15550000002                                   a handset calls; it has also hangup, hold, resume,
                                                                    sms:NUMBER:TEXT, message:NUMBER:TEXT, deregister
  tail -f handset2.events                                           what a handset sees
  on pcscf ip -s xfrm state                                         a command on a host:
  on pcscf tcpdump -ni access                                       hss scscf pcscf pgw handset1 handset2
  ls                                                                configurations and logs
END
""")
    subprocess.run(["bash", "--rcfile", str(rc), "-i"], check=False)


def main():
    wants_shell = "--shell" in sys.argv[1:]
    try:
        with Network() as network:
            say(f"kernel {os.uname().release}, ESP in it")
            core = Core(network, [Subscriber(1), Subscriber(2)], pcscf={"ipsec": {"grace": f"{GRACE}s"}},
                        scscf={"calls": {"records": str(network.folder / "calls.jsonl")},
                               "short_messages": {"role": "on"}})
            try:
                phones = demonstrate(core)
                if wants_shell:
                    shell(core, *phones)
                else:
                    end(core, *phones)
            except LabError:
                for program in network.programs:
                    text = program.output().strip() if program.log.exists() else ""
                    if text and not program.name.startswith("tcpdump"):
                        say(f"\n---- {program.name} said:\n" + "\n".join(text.splitlines()[-25:]))
                raise
    except (LabError, RuntimeError) as error:
        say(f"\ndemo: failed: {error}")
        return 1
    except KeyboardInterrupt:
        say("\ndemo: interrupted")
        return 130
    say(f"\ndemo: {passed} checks passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
