#!/usr/bin/env python3
"""Verifies the record of a run without the program that wrote it: Python 3.9's standard library and ssh-keygen only.

    verify_record.py RUNDIR [--signers FILE] [--json]

Prints six levels, each resting on those before: parsed, chain, files, signatures, authority, anchored. Exit status 0: nothing contradicts
the record (what is not reached is said); 6: it is tampered or damaged. The format is described in docs/record-format.md.
"""
import argparse, base64, datetime, hashlib, json, os, re, stat, subprocess, sys, tempfile

LEVELS = ["parsed", "chain", "files", "signatures", "authority", "anchored"]
DAMAGED, TAMPERED = "damaged", "tampered"
ZERO = "0" * 64
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
KINDS = {"request": "request", "approval": "approve", "denial": "deny", "seal": "seal"}
SUM_END = re.compile(rb',"sum":"([0-9a-f]{64})"\}\Z')
SIGNATURES = {}  # answers of ssh-keygen, so that many copies of one record can be checked in one process


class Wrong(Exception):
    """Something that cannot be, with its severity."""

    def __init__(self, what, severity=TAMPERED):
        super().__init__(what)
        self.severity = severity


def sha256(data):
    return hashlib.sha256(data).hexdigest()


# --- lines -----------------------------------------------------------------------------------------------------------------

def no_duplicates(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("a key stands twice")
    return dict(pairs)


def read_line(line, seq, prev):
    """One line without its newline: (entry, None, None), or (None, level, Wrong). Nothing is parsed before the sum is right."""
    if any(byte < 0x20 or byte > 0x7E for byte in line):
        return None, "parsed", Wrong("bytes other than printable ASCII", DAMAGED)
    end = SUM_END.search(line)
    if not end:
        return None, "parsed", Wrong("the line has no sum at its end", DAMAGED)
    stored = end.group(1).decode()
    if sha256(b"runbook-journal-v1\n" + line[:end.start()]) != stored:
        return None, "chain", Wrong("the sum is wrong: the line's bytes were changed", DAMAGED)
    try:
        entry = json.loads(line, object_pairs_hook=no_duplicates)
        if list(entry) != ["v", "seq", "at", "prev", "event", "sum"] or entry["v"] != 1 or "kind" not in entry["event"]:
            raise ValueError("not the keys of version 1")
    except (ValueError, TypeError, RecursionError) as error:
        return None, "parsed", Wrong(f"the sum is right and it is no journal line: {error}")
    if entry["seq"] != seq:
        return None, "chain", Wrong(f"expected line number {seq}, got {entry['seq']}: lines are missing, doubled or out of order")
    if entry["prev"] != prev:
        return None, "chain", Wrong("prev is not the sum of the line before")
    return entry, None, None


def read_journal(data, anchored):
    """(entries, torn line or None, (level, line, Wrong) or None)"""
    entries, rest, prev = [], data, ZERO
    while rest:
        number = len(entries) + 1
        line, newline, after = rest.partition(b"\n")
        if newline:
            entry, level, wrong = read_line(line, number, prev)
        else:
            entry, level, wrong = None, "parsed", Wrong("the line has no newline", DAMAGED)
        if wrong:
            if not after and wrong.severity == DAMAGED and number > anchored:
                return entries, number, None
            return entries, None, (level, number, wrong)
        entries.append(entry)
        prev, rest = entry["sum"], after
    return entries, None, None


# --- documents -------------------------------------------------------------------------------------------------------------

def check_code(text):
    bits = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 2
    return "".join(CROCKFORD[bits >> shift & 31] for shift in (25, 20, 15, 10, 5, 0))


def unescape(line):
    """The bytes that an escaped line stands for."""
    out = b""
    for part in re.split(r"(<U\+[0-9A-F]{4,6}>|<0x[0-9A-F]{2}>)", line):
        if part.startswith("<U+") and part.endswith(">"):
            part = chr(int(part[3:-1], 16))
        elif part.startswith("<0x") and part.endswith(">"):
            out += bytes([int(part[3:-1], 16)])
            continue
        out += part.encode()
    return out


class Document:
    """One signed text: `kind`, `fields` (the last value of each key), `needs`, `plan`, `journal` as (line, sum)."""

    def __init__(self, name, data, signature):
        self.name, self.signature, self.digest = name, signature, sha256(data)
        self.text = data.decode("ascii")
        lines = self.text.split("\n")
        first = re.fullmatch(r"runbook (request|approval|denial|seal), version 1", lines[0])
        body, mark, code = self.text.rpartition("end: check ")
        if not first or not mark or code != check_code(body) + "\n":
            raise ValueError("no document, or its check code is wrong")
        self.kind, self.lines = first.group(1), lines
        self.plan = [line[2:] for line in lines if line.startswith("| ")]
        head = [line.split(": ", 1) for line in lines[1:-2] if not line.startswith("| ")]
        self.fields = {key: value for key, value in head}
        self.needs = [value.split(" ")[2:] for key, value in head if key == "needs"]
        seq, sum_ = self["journal"].split(" ")
        self.journal = (int(seq), sum_)
        who = {"request": "requester", "approval": "approver", "denial": "denied-by", "seal": "person"}[self.kind]
        self.person, self.key = self[who], self[who + "-key"]

    def __getitem__(self, key):
        return self.fields[key]

    def actions(self):
        """{(step, host): (step line, host line, command lines)} as the plan shows them."""
        found, step, hosts = {}, "", []
        for index, line in enumerate(self.plan):
            if line.startswith("step "):
                step, hosts = line, []
            elif line.startswith("  on "):
                hosts.append(line)
            elif line.startswith(("  ? ", "  $ ")):
                for host in hosts:
                    found.setdefault((step.split(" ")[2], host.split(" ")[3]), (step, host, []))[2].append(line)
                following = self.plan[index + 1] if index + 1 < len(self.plan) else ""
                if not following.startswith(("  ? ", "  $ ")):
                    hosts = []
        return found

    def answer_text(self, answer):
        """What an approval of this request by the signer of `answer` must say, to the byte."""
        lines = [f"runbook {answer.kind}, version 1"]
        for line in self.lines[1:-2]:
            key = line.split(": ", 1)[0]
            if key == "requester":
                lines += [f"request: sha256:{self.digest}", f"approver: {answer.person}", f"approver-key: {answer.key}"]
            lines.append(f"{key}: {answer[key]}" if key in ("journal", "issued") else line)
        text = "\n".join(lines) + "\n"
        return f"{text}end: check {check_code(text)}\n"


def instant(text):
    """A time of the record as a datetime in UTC."""
    form = "%Y-%m-%dT%H:%M:%S.%fZ" if "." in text else "%Y-%m-%dT%H:%M:%SZ"
    return datetime.datetime.strptime(text, form).replace(tzinfo=datetime.timezone.utc)


def untouched(signature):
    """Whether a hardware key signed without a touch, which ssh-keygen lets pass."""
    blob = base64.b64decode("".join(signature.strip().split("\n")[1:-1]))
    parts, at = [], 10  # the magic word and the version
    while at + 4 <= len(blob):
        size = int.from_bytes(blob[at:at + 4], "big")
        parts.append(blob[at + 4:at + 4 + size])
        at += 4 + size
    return parts[-1][4:7] == b"sk-" and not parts[-1][-5] & 1


def check_signature(document, signers, domain, at):
    """The fingerprint of the key that signed, by a person of `signers` (a file's bytes) whose key was valid at `at`."""
    if document.signature is None:
        raise Wrong(f"{document.name} has no signature")
    question = (document.text, document.signature, signers, domain, at)
    if question not in SIGNATURES:
        SIGNATURES[question] = ask_ssh_keygen(document, signers, f"runbook-{KINDS[document.kind]}-v1@{domain}", at)
    fingerprint, said = SIGNATURES[question]
    if fingerprint != document.key:
        raise Wrong(f"the signature of {document.person} under {document.name} does not count: {said}")
    return fingerprint


def ask_ssh_keygen(document, signers, namespace, at):
    try:
        if untouched(document.signature):
            return None, "the hardware key was not touched"
    except (ValueError, IndexError) as error:
        return None, f"no signature: {error}"
    with tempfile.TemporaryDirectory() as folder:
        allowed, sig = os.path.join(folder, "allowed_signers"), os.path.join(folder, "sig")
        for path, data in ((allowed, signers), (sig, document.signature.encode())):
            with open(path, "wb") as file:
                file.write(data)
        command = ["ssh-keygen", "-Y", "verify", "-f", allowed, "-I", document.person, "-n", namespace, "-s", sig,
                   "-O", "verify-time=" + instant(at).strftime("%Y%m%d%H%M%S")]
        done = subprocess.run(command, input=document.text.encode(), capture_output=True, env={**os.environ, "TZ": "UTC", "LC_ALL": "C"})
    key = re.search(rb"with \S+ key (SHA256:\S+)", done.stdout)
    if done.returncode or not key:
        return None, (done.stdout + done.stderr).decode("ascii", "replace").strip()
    return key.group(1).decode(), f"signed with {key.group(1).decode()}, not with the key that it names"


# --- the record ------------------------------------------------------------------------------------------------------------

class Record:
    def __init__(self, folder, journal, signers):
        self.folder, self.documents = folder, {}
        for name in sorted(self.listed("approvals")):
            if name.endswith(".txt"):
                sig = self.read("approvals", name + ".sig").decode("ascii", "replace") if os.path.exists(self.path("approvals", name + ".sig")) else None
                try:
                    document = Document(name, self.read("approvals", name), sig)
                    self.documents[document.digest] = document
                except (ValueError, KeyError):
                    pass  # anybody may leave a text there; one that the journal names is missed below
        anchored = max([document.journal[0] for document in self.documents.values()], default=0)
        self.entries, self.torn, self.broken = read_journal(journal, anchored)
        first = self.entries[0]["event"] if self.entries else {}
        self.opened = first if first.get("kind") == "run_opened" else None
        self.signers = signers if signers is not None else self.read("inputs", "allowed_signers")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def listed(self, name):
        return os.listdir(self.path(name)) if os.path.isdir(self.path(name)) else []

    def read(self, *names):
        path = self.path(*names)
        try:
            if not stat.S_ISREG(os.lstat(path).st_mode):
                raise Wrong(f"{path} is no plain file", DAMAGED)
            with open(path, "rb") as file:
                return file.read()
        except OSError as error:
            raise Wrong(f"{path}: {error.strerror}", DAMAGED) from None

    def document(self, digest, kind):
        document = self.documents.get(digest)
        if document is None or document.kind != kind or document.signature is None:
            raise Wrong(f"the signed {kind} with sha256 {digest} is not in approvals/", DAMAGED)
        return document

    def drill(self):
        return self.opened["mode"] == "drill"

    def holds(self, head):
        return head == (0, ZERO) or (0 < head[0] <= len(self.entries) and self.entries[head[0] - 1]["sum"] == head[1])

    # Each judge is called once a line, and raises Wrong.

    def judge_files(self, entry):
        event, kind = entry["event"], entry["event"]["kind"]
        if kind == "run_opened":
            for name, key in (("runbook.yaml", "runbook"), ("inventory.yaml", "inventory"), ("policy.yaml", "policy"), ("allowed_signers", "signers")):
                if sha256(self.read("inputs", name)) != event["inputs"][key]:
                    raise Wrong(f"inputs/{name} is not what the run was opened with")
        elif kind == "action_ended":
            look = "look." if event["part"] == "look" else ""
            for stream, end in (("stdout", "out"), ("stderr", "err")):
                told, name = event["ended"][stream], f"{event['host']}.{event['attempt']}.{look}{end}"
                if told["bytes"] == 0 and not os.path.lexists(self.path("output", event["step"], name)):
                    continue
                data = self.read("output", event["step"], name)
                if (len(data), sha256(data)) != (told["stored"], told["file"]):
                    raise Wrong(f"output/{event['step']}/{name} is not what was recorded")
        elif kind in DOCUMENT_OF and not self.drill() and DOCUMENT_OF[kind][1](event):
            self.document(DOCUMENT_OF[kind][1](event), DOCUMENT_OF[kind][0])

    def judge_signatures(self, entry):
        event, kind = entry["event"], entry["event"]["kind"]
        if kind not in DOCUMENT_OF or self.drill() or not DOCUMENT_OF[kind][1](event):
            return
        document = self.document(DOCUMENT_OF[kind][1](event), DOCUMENT_OF[kind][0])
        check_signature(document, self.signers, self.opened["rules"]["domain"], entry["at"])
        if document["run"] != self.opened["run"]:
            raise Wrong(f"the {document.kind} is for another run")
        if kind == "gate_opened":
            asks, inputs = event["asks"], self.opened["inputs"]
            told = [asks["nonce"], (asks["journal"]["seq"], asks["journal"]["sum"]), asks["slots"], asks["check"], str(event["gate"])]
            said = [document["nonce"], document.journal, document.needs, document.lines[-2].split(" ")[2], document["gate"].split(" ")[0]]
            files = [f"sha256:{inputs[key]}" for key in ("inventory", "policy", "signers")] + [f"sha256:{inputs['runbook']}"]
            shown = [document[key] for key in ("inventory", "policy", "signers")] + [document["runbook"].split(" ")[-1]]
            if told != said or files != shown or (document.person, document.key) != (self.opened["requester"], self.opened["requester_key"]):
                raise Wrong("the request says something else than the journal")
        elif kind == "run_closed":
            if document.journal != (entry["seq"] - 1, entry["prev"]) or document["verdict"] != event["verdict"]:
                raise Wrong("the seal says something else than the journal")
        elif (document.person, document.key) != (event["person"], event["key"]):
            raise Wrong(f"the journal names {event['person']}, the document {document.person}")

    def anchors(self):
        """(line, sum, who) of each document with a good signature."""
        for document in self.documents.values():
            if document["run"] != self.opened["run"] or self.drill():
                continue
            try:
                check_signature(document, self.signers, self.opened["rules"]["domain"], document["issued"])
            except Wrong:
                continue  # a text without a good signature vouches for nothing
            yield document.journal + (document.person,)


DOCUMENT_OF = {
    "gate_opened": ("request", lambda event: event["asks"]["request"]), "approval_given": ("approval", lambda event: event["document"]),
    "approval_denied": ("denial", lambda event: event["document"]), "run_closed": ("seal", lambda event: event["seal"]),
}


# --- authority -------------------------------------------------------------------------------------------------------------

def fill(slots, people):
    """How many slots different people can fill (augmenting paths)."""
    holder = {}

    def seat(person, tried):
        for index, slot in enumerate(slots):
            if person in slot and index not in tried:
                tried.add(index)
                if index not in holder or seat(holder[index], tried):
                    holder[index] = person
                    return True
        return False

    return sum(seat(person, set()) for person in sorted(people))


def script_of(value):
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value.encode()


class Court:
    """Judges every action again under the approvals and the policy of its time."""

    def __init__(self, record):
        self.record, self.opened = record, record.opened
        self.stages, self.gates, self.starts, self.begun = {}, {}, {}, set()
        self.runners = {record.opened["requester"]}

    def floor(self, environment, effect):
        floors = self.opened["rules"]["floors"]
        for name in (environment, "production"):
            if effect in floors.get(name, {}):
                return floors[name][effect]
        return 0 if effect == "read" else 1

    def judge(self, entry):
        event, kind = entry["event"], entry["event"]["kind"]
        if kind == "run_opened" and entry["seq"] != 1:
            raise Wrong("a run is opened within another")
        elif kind == "stage_prepared":
            stage = event["stage"]
            self.stages[stage["step"]] = (entry["seq"], stage)
            self.starts = {key: count for key, count in self.starts.items() if key[0] != stage["step"]}
        elif kind == "gate_opened":
            request = None if self.record.drill() else self.record.document(event["asks"]["request"], "request")
            self.gates[event["gate"]] = {"line": entry["seq"], "asks": event["asks"], "request": request, "people": set(), "denied": False}
            if request and [line.split(" ")[2] for line in request.plan if line.startswith("step ")] != event["asks"]["covers"]:
                raise Wrong("the request does not show the steps that the gate covers")
        elif kind == "approval_given" and not self.record.drill():
            self.approved(entry, event)
        elif kind == "approval_denied":
            self.gate(event["gate"])["denied"] = True
        elif kind == "gate_expired":
            self.gates.pop(event["gate"], None)
        elif kind == "run_resumed":
            self.runners.add(event["person"])
            for gate in self.gates.values():
                gate["people"].discard(event["person"])
        elif kind == "action_started":
            self.started(event)
        elif kind in ("action_reattached", "action_ended") and self.attempt(event) not in self.begun:
            raise Wrong("an attempt goes on that was never started")

    def attempt(self, event):
        return event["step"], event["host"], event["part"], event["attempt"]

    def gate(self, number):
        if number not in self.gates:
            raise Wrong(f"gate {number} is not open")
        return self.gates[number]

    def approved(self, entry, event):
        gate, approval = self.gate(event["gate"]), self.record.document(event["document"], "approval")
        request, person = gate["request"], approval.person
        if request.answer_text(approval) != approval.text:
            raise Wrong(f"the approval of {person} is not of what was asked")
        if person in self.runners or person == request.person or approval.key == request.key:
            raise Wrong(f"{person} runs this and cannot approve it as well")
        if person in gate["people"] or fill(gate["asks"]["slots"], gate["people"] | {person}) <= fill(gate["asks"]["slots"], gate["people"]):
            raise Wrong(f"{person} fills no open place of the gate")
        now, issued, skew = instant(entry["at"]), instant(approval["issued"]), datetime.timedelta(seconds=120)
        if max(now, issued) > instant(request["expires"]) or issued > now + skew or issued + skew < instant(request["issued"]):
            raise Wrong(f"the approval of {person} was not given in time")
        if not self.record.holds(approval.journal) or not request.journal[0] <= approval.journal[0] < entry["seq"]:
            raise Wrong(f"{person} saw another record")
        gate["people"].add(person)

    def started(self, event):
        attempt = self.attempt(event)
        step, host, part, number = attempt
        if attempt in self.begun:
            raise Wrong(f"{step} on {host}: attempt {number} was started twice")
        self.begun.add(attempt)
        if step not in self.stages:
            raise Wrong(f"{step} was never prepared")
        line, stage = self.stages[step]
        action = next((action for action in stage["work"].get("actions", []) if action["host"] == host), None)
        if action is None or action["place"] is None or action["digest"] != event["action"]:
            raise Wrong(f"{step} on {host} is not what was prepared")
        command = action["done_when"] if part == "look" else action["command"]
        if command is None or sha256(script_of(command["script"])) != event["sends"]:
            raise Wrong(f"{step} on {host}: the bytes that were sent are not those of the plan")
        if part == "main":
            starts = self.starts[step, host] = self.starts.get((step, host), 0) + 1
            most = stage["attempts"]["at_most"] if isinstance(stage["attempts"], dict) else None
            if (most is None and stage["effect"] != "read") or (most is not None and starts > most):
                raise Wrong(f"{step} on {host} was started {starts} times")
        if self.opened["mode"] == "dry_run" and part == "main" and stage["effect"] != "read":
            raise Wrong(f"a dry run ran {step}")
        if self.opened["mode"] == "real":
            self.allowed(line, stage, action, event)

    def allowed(self, line, stage, action, event):
        floor, number = self.floor(action["environment"], stage["effect"]), event["gate"]
        if number != stage["gate"]:
            raise Wrong(f"{stage['step']} was started under another gate than it has")
        if number is None:
            if floor:
                raise Wrong(f"{stage['step']} needs {floor} other people, and nobody was asked")
            return
        gate = self.gate(number)
        if gate["denied"] or gate["line"] < line or stage["step"] not in gate["asks"]["covers"]:
            raise Wrong(f"gate {number} was denied, or not asked about {stage['step']} as it was prepared")
        slots = gate["asks"]["slots"]
        if fill(slots, gate["people"]) < len(slots) or len(gate["people"]) < floor:
            raise Wrong(f"{stage['step']} was started with {len(gate['people'])} approvals, {max(len(slots), floor)} were needed")
        shown = gate["request"].actions().get((stage["step"], event["host"]))
        if shown is None:
            raise Wrong(f"the approved plan does not show {stage['step']} on {event['host']}")
        step_line, host_line, commands = shown
        if sha256("\n".join(["runbook-action-v1", step_line, host_line] + commands + [""]).encode()) != event["action"]:
            raise Wrong(f"{stage['step']} on {event['host']} is not the action that was approved")
        mark = "  ? " if event["part"] == "look" else "  $ "
        script = b"\n".join(unescape(text[4:]) for text in commands if text.startswith(mark))
        if event["sends"] not in (sha256(script), sha256(script + b"\n")):
            raise Wrong(f"{stage['step']} on {event['host']}: other bytes were sent than were approved")
        said = step_line.rsplit('" ', 1)[1]
        if said.split(",")[0] != stage["effect"] or unescape(host_line.split(", ")[1]) != action["environment"].encode():
            raise Wrong(f"{stage['step']}: the journal names another effect or environment than was approved")


# --- the report ------------------------------------------------------------------------------------------------------------

def verify(folder, signers=None, journal=None):
    """The report as a dict: status (proven, damaged, tampered), line of the first problem, levels. `journal`: bytes to judge instead."""
    levels = {name: {"level": name, "reached": True, "facts": [], "problem": None} for name in LEVELS}

    def problem(level, line, wrong):
        levels[level]["reached"] = False
        levels[level]["problem"] = levels[level]["problem"] or {"severity": wrong.severity, "line": line, "what": str(wrong)}

    def each(level, record, judge):
        for entry in record.entries:
            try:
                judge(entry)
            except Wrong as wrong:
                problem(level, entry["seq"], wrong)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
                problem(level, entry["seq"], Wrong(f"it does not say what version 1 says: {error!r}"))

    def judge_record():
        record = Record(folder, read_all(folder) if journal is None else journal, signers)
        levels["parsed"]["facts"].append(f"{len(record.entries)} lines" + (f", line {record.torn} is torn" if record.torn else ""))
        if record.broken:
            problem(*record.broken)
        elif not record.opened:
            problem("parsed" if not record.entries else "signatures", 1, Wrong("the first line opens no run", TAMPERED if record.entries else DAMAGED))
        if record.broken or not record.opened:
            return False
        each("files", record, record.judge_files)
        each("signatures", record, record.judge_signatures)
        each("authority", record, Court(record).judge)
        levels["signatures"]["facts"].append("by the record's own copy of allowed_signers" if signers is None else "by the signers given")
        judge_anchors(record, levels["anchored"], problem)
        return True

    try:
        whole = judge_record()
    except Wrong as wrong:
        whole = problem("parsed", None, wrong)
    if not whole:
        for name in LEVELS[2:]:
            levels[name]["reached"] = False
    problems = [level["problem"] for level in levels.values() if level["problem"]]
    severities = [found["severity"] for found in problems]
    status = TAMPERED if TAMPERED in severities else DAMAGED if severities else "proven"
    return {"status": status, "line": problems[0]["line"] if problems else None, "levels": list(levels.values())}


def judge_anchors(record, level, problem):
    anchors = sorted(anchor for anchor in record.anchors() if anchor[0])
    for seq, sum_, who in anchors:
        if not record.holds((seq, sum_)):
            problem("anchored", seq, Wrong(f"{who} signed line {seq} with sum {sum_}, and the journal does not hold it"))
    last = record.entries[-1]
    sealed = any(document.kind == "seal" and document.journal == (last["seq"], last["sum"]) for document in record.documents.values())
    if sealed and last["event"]["kind"] != "run_closed" and not record.drill():
        problem("anchored", last["seq"] + 1, Wrong("a seal was signed over the line before, and run_closed is missing", DAMAGED))
    level["facts"].append(f"anchored up to line {anchors[-1][0]} by {anchors[-1][2]}" if anchors else "nothing anchors this record")
    level["reached"] = level["reached"] and bool(anchors)


def read_all(folder):
    try:
        with open(os.path.join(folder, "journal.jsonl"), "rb") as file:
            return file.read()
    except OSError as error:
        raise Wrong(f"{folder}: {error.strerror}", DAMAGED) from None


def main():
    parser = argparse.ArgumentParser(description="Verifies the record of a run, level by level.")
    parser.add_argument("rundir")
    parser.add_argument("--signers", help="your own allowed_signers, to rest on nothing of the record")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    signers = None
    if options.signers:
        with open(options.signers, "rb") as file:
            signers = file.read()
    report = verify(options.rundir, signers)
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        for level in report["levels"]:
            print(f"{level['level']:11} {'reached' if level['reached'] else 'NOT reached':12} {'; '.join(level['facts'])}")
            if level["problem"]:
                line = f"line {level['problem']['line']}: " if level["problem"]["line"] else ""
                print(f"{'':11} {level['problem']['severity']}: {line}{level['problem']['what']}")
        print(report["status"])
    return 0 if report["status"] == "proven" else 6


if __name__ == "__main__":
    sys.exit(main())
