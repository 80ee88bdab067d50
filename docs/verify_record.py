#!/usr/bin/env python3
"""Verifies the record of a run without the program that wrote it: Python 3.9's standard library and ssh-keygen only.

    verify_record.py RUNDIR [--signers FILE] [--json]

Prints six levels, each resting on those before: parsed, chain, files, signatures, authority, anchored. Exit status 0: nothing
contradicts the record (what is not reached is said); 6: it is tampered or damaged. The format: docs/record-format.md.
"""
import argparse, base64, datetime, hashlib, json, os, pathlib, re, subprocess, sys, tempfile

LEVELS = ["parsed", "chain", "files", "signatures", "authority", "anchored"]
DAMAGED, TAMPERED, ZERO = "damaged", "tampered", "0" * 64
VERBS = {"request": "request", "approval": "approve", "denial": "deny", "seal": "seal"}  # as namespaces have them
SIGNERS = {"request": "requester", "approval": "approver", "denial": "denied-by", "seal": "person"}  # the key that names who signs
ANSWERS = {}  # of ssh-keygen, so that many copies of one record can be checked in one process

class Wrong(Exception):
    """Something that cannot be: how bad it is, and at which level where that is not the judge's own."""
    def __init__(self, what, severity=TAMPERED, level="chain", line=None):
        super().__init__(what)
        self.severity, self.level, self.line = severity, level, line
def must(holds, what):
    if not holds:
        raise Wrong(what)
def sha256(data):
    return hashlib.sha256(data).hexdigest()
def bytes_of(command):
    script = command["script"]
    return base64.b64decode(script["base64"]) if isinstance(script, dict) else script.encode()
# --- lines ---
def no_duplicates(pairs):
    must(len({key for key, _ in pairs}) == len(pairs), "a key stands twice")
    return dict(pairs)
def read_line(line, seq, prev):
    """One line, without its newline, as an object. Nothing is parsed before the sum is right."""
    end = re.search(rb',"sum":"([0-9a-f]{64})"\}\Z', line)
    if not end or any(byte < 0x20 or byte > 0x7E for byte in line):
        raise Wrong("it is not printable ASCII that ends in a sum", DAMAGED, "parsed")
    if sha256(b"runbook-journal-v1\n" + line[:end.start()]) != end.group(1).decode():
        raise Wrong("the sum is wrong: the line's bytes were changed", DAMAGED)
    try:
        entry = json.loads(line, object_pairs_hook=no_duplicates)
        if list(entry) != ["v", "seq", "at", "prev", "event", "sum"] or entry["v"] != 1 or "kind" not in entry["event"]:
            raise ValueError("not the keys of version 1")
    except (ValueError, TypeError, RecursionError) as error:
        raise Wrong(f"the sum is right and it is no journal line: {error}", TAMPERED, "parsed") from None
    must(entry["seq"] == seq, f"expected line number {seq}, got {entry['seq']}: lines are missing, doubled or out of order")
    must(entry["prev"] == prev, "prev is not the sum of the line before")
    return entry
def read_journal(data, anchored):
    """(entries, number of the torn line or None, Wrong or None). A line that a document names (`anchored`) cannot be torn."""
    entries, rest, prev = [], data, ZERO
    while rest:
        line, newline, after = rest.partition(b"\n")
        try:
            entries.append(read_line(line if newline else b"", len(entries) + 1, prev))
        except Wrong as wrong:
            wrong.line = len(entries) + 1
            torn = not after and wrong.severity == DAMAGED and wrong.line > anchored
            return entries, wrong.line if torn else None, None if torn else wrong
        prev, rest = entries[-1]["sum"], after
    return entries, None, None
# --- documents ---
def check_code(text):
    bits = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 2
    return "".join("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[bits >> shift & 31] for shift in (25, 20, 15, 10, 5, 0))
def unescape(line):
    """The bytes that an escaped line stands for."""
    def one(match):
        return chr(int(match[2], 16)).encode() if match[1] == b"U+" else bytes([int(match[2], 16)])
    return re.sub(rb"<(U\+|0x)([0-9A-F]{2,6})>", one, line.encode())

class Document:
    """One text: `fields` (the last value of each key), `needs`, `plan`, `journal` as (line, sum), `person` and `key` who sign."""
    def __init__(self, name, data, signature):
        self.name, self.signature, self.digest, self.text = name, signature, sha256(data), data.decode("ascii")
        self.lines = self.text.split("\n")
        body, _, code = self.text.rpartition("end: check ")
        first = re.fullmatch(r"runbook (request|approval|denial|seal), version 1", self.lines[0])
        if not first or code != check_code(body) + "\n":
            raise ValueError("no document, or its check code is wrong")
        self.kind, self.plan = first.group(1), [line[2:] for line in self.lines if line.startswith("| ")]
        head = [line.split(": ", 1) for line in self.lines[1:-2] if not line.startswith("| ")]
        self.fields, self.needs = dict(head), [value.split(" ")[2:] for key, value in head if key == "needs"]
        seq, total = self["journal"].split(" ")
        self.journal = (int(seq), total)
        self.person, self.key = self[SIGNERS[self.kind]], self[SIGNERS[self.kind] + "-key"]
    def __getitem__(self, key):
        return self.fields[key]
    def actions(self):
        """{(step, host): (step line, host line, command lines)}; hosts that follow each other share the commands below them."""
        found, step, hosts, before = {}, "", [], ""
        for line in self.plan:
            if line.startswith("step "):
                step = line
            elif line.startswith("  on "):
                hosts = hosts + [line] if before.startswith("  on ") else [line]
            elif line.startswith(("  ! ", "  * ", "  | ", "  ? ", "  $ ", "  ~ ")):
                for host in hosts:
                    found.setdefault((step.split(" ")[2], host.split(" ")[3]), (step, host, []))[2].append(line)
            before = line
        return found
    def approved_by(self, answer):
        """What an approval of this request by the signer of `answer` must say, to the byte."""
        lines = ["runbook approval, version 1"]
        for line in self.lines[1:-2]:
            key = line.split(": ", 1)[0]
            if key == "requester":
                lines += [f"request: sha256:{self.digest}", f"approver: {answer.person}", f"approver-key: {answer.key}"]
            lines.append(f"{key}: {answer[key]}" if key in ("journal", "issued") else line)
        text = "\n".join(lines) + "\n"
        return f"{text}end: check {check_code(text)}\n"
def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
def untouched(signature):
    """Whether a hardware key signed without a touch, which ssh-keygen lets pass: the flags are 5 bytes before the end."""
    blob, strings, at = base64.b64decode("".join(signature.strip().split("\n")[1:-1])), [], 10  # behind the magic word and version
    while at + 4 <= len(blob):
        size = int.from_bytes(blob[at:at + 4], "big")
        strings.append(blob[at + 4:at + 4 + size])
        at += 4 + size
    return strings[-1][4:7] == b"sk-" and not strings[-1][-5] & 1

def ask_ssh_keygen(document, signers, namespace, at):
    """The fingerprint of the key that signed, or None, and what was said."""
    try:
        if untouched(document.signature):
            return None, "the hardware key was not touched"
    except (ValueError, IndexError) as error:
        return None, f"it is no signature: {error}"
    with tempfile.TemporaryDirectory() as folder:
        allowed, sig = pathlib.Path(folder, "allowed_signers"), pathlib.Path(folder, "sig")
        allowed.write_bytes(signers)
        sig.write_bytes(document.signature.encode())
        command = ["ssh-keygen", "-Y", "verify", "-f", allowed, "-I", document.person, "-n", namespace, "-s", sig,
                   "-O", "verify-time=" + instant(at).strftime("%Y%m%d%H%M%S")]
        done = subprocess.run(command, input=document.text.encode(), capture_output=True, env={**os.environ, "TZ": "UTC", "LC_ALL": "C"})
    key = re.search(rb"with \S+ key (SHA256:\S+)", done.stdout)
    said = (done.stdout + done.stderr).decode("ascii", "replace").strip()
    return key.group(1).decode() if key and done.returncode == 0 else None, said

def check_signature(document, signers, domain, at):
    """Whether a key that was valid at `at`, of the person that the document names, signed it: the key that it names."""
    question = (document.text, document.signature, signers, domain, at)
    if question not in ANSWERS:
        ANSWERS[question] = ask_ssh_keygen(document, signers, f"runbook-{VERBS[document.kind]}-v1@{domain}", at)
    fingerprint, said = ANSWERS[question]
    must(fingerprint == document.key, f"the signature of {document.person} under {document.name} does not count: {said}")
# --- the record ---
class Record:
    def __init__(self, folder, journal, signers):
        self.folder, self.documents = folder, {}
        approvals = os.path.join(folder, "approvals")
        for name in sorted(os.listdir(approvals) if os.path.isdir(approvals) else []):
            if name.endswith(".txt") and name + ".sig" in os.listdir(approvals):
                try:
                    document = Document(name, self.read("approvals", name), self.read("approvals", name + ".sig").decode("ascii"))
                    self.documents[document.digest] = document
                except (ValueError, KeyError):
                    pass  # any text may lie there; one that the journal names is missed below
        anchored = max([document.journal[0] for document in self.documents.values()], default=0)
        self.entries, self.torn, self.broken = read_journal(self.read("journal.jsonl") if journal is None else journal, anchored)
        first = self.entries[0]["event"] if self.entries else {}
        self.opened = first if first.get("kind") == "run_opened" else None
        self.drill = bool(self.opened) and self.opened.get("mode") == "drill"
        self.signers = (lambda: self.read("inputs", "allowed_signers")) if signers is None else lambda: signers
    def read(self, *names):
        path = os.path.join(self.folder, *names)
        try:
            with open(path, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)) as file:
                return file.read()
        except OSError as error:
            raise Wrong(f"{path}: {error.strerror}", DAMAGED, "parsed") from None
    def document(self, digest, kind):
        document = self.documents.get(digest)
        if document is None or document.kind != kind:
            raise Wrong(f"the signed {kind} with sha256 {digest} is not in approvals/", DAMAGED)
        return document
    def named(self, event):
        """The document that a line names, or None. In a drill nobody signs, and in one on real hosts no denial that is played."""
        kind = event["kind"]
        if kind == "approval_denied" and self.opened.get("mode") == "live_drill" and event["key"].startswith("drill:"):
            return None
        kinds = {"gate_opened": "request", "approval_given": "approval", "approval_denied": "denial", "run_closed": "seal"}
        digest = event["asks"]["request"] if kind == "gate_opened" else event.get("seal" if kind == "run_closed" else "document")
        return self.document(digest, kinds[kind]) if kind in kinds and digest and not self.drill else None
    def holds(self, head):
        return head == (0, ZERO) or (0 < head[0] <= len(self.entries) and self.entries[head[0] - 1]["sum"] == head[1])
    def superseded(self, entry):
        """An attempt whose outcome was unknown may be collected again: its files are those of the last answer."""
        same = ("kind", "step", "host", "part", "attempt")
        return entry["event"]["ended"]["outcome"]["outcome"] == "unknown" and any(
            all(later["event"].get(key) == entry["event"][key] for key in same) for later in self.entries[entry["seq"]:])
    def judge_files(self, entry):
        event = entry["event"]
        if self.drill:
            return  # its journal is all that there is
        self.named(event)
        if event["kind"] == "run_opened":
            for key in ("runbook", "inventory", "policy", "signers"):
                name = "allowed_signers" if key == "signers" else key + ".yaml"
                must(sha256(self.read("inputs", name)) == event["inputs"][key], f"inputs/{name} is not what the run was opened with")
            for path, digest in event["inputs"]["files"].items():
                must(sha256(self.read("inputs", "file." + digest)) == digest, f"the copy of {path} is not what the run was opened with")
        elif event["kind"] == "action_ended" and not self.superseded(entry):
            look = "" if event["part"] == "main" else event["part"] + "."
            for stream, end in (("stdout", "out"), ("stderr", "err")):
                told, names = event["ended"][stream], ("output", event["step"], f"{event['host']}.{event['attempt']}.{look}{end}")
                if told["bytes"] or os.path.lexists(os.path.join(self.folder, *names)):
                    data = self.read(*names)
                    must((len(data), sha256(data)) == (told["stored"], told["file"]), f"{'/'.join(names)} is not what was recorded")
        elif event["kind"] == "evidence_kept":
            kept = [(file["file"], file["bytes"], file["sha256"]) for artifact in event["artifacts"] for file in artifact["files"]]
            for name, size, digest in kept + [("manifest.json", None, event["manifest"])]:
                must(re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", name, re.ASCII), f"evidence cannot have the name {name!r}")
                data = self.read("evidence", event["step"], f"{event['host']}.{event['attempt']}", *name.split("/"))
                must(sha256(data) == digest and size in (None, len(data)), f"evidence {name} of {event['step']} is not what was kept")
    def judge_signatures(self, entry):
        event, document, opened = entry["event"], self.named(entry["event"]), self.opened
        if document is None:
            return
        check_signature(document, self.signers(), opened["rules"]["domain"], entry["at"])
        if document.kind == "request":
            asks, files = event["asks"], [f"sha256:{opened['inputs'][key]}" for key in ("inventory", "policy", "signers", "runbook")]
            told = [asks["nonce"], (asks["journal"]["seq"], asks["journal"]["sum"]), asks["slots"], asks["check"], str(event["gate"])]
            said = [document["nonce"], document.journal, document.needs, document.lines[-2][-6:], document["gate"].split(" ")[0]]
            if asks["instead"]:
                of, by, start = asks["instead"]["of"], " ".join(asks["instead"]["by"]), asks["instead"]["from"].replace(".000000", "")
                told.append(f"of {of} in {','.join(map(str, asks['instead']['slots']))} from {start} one of {by}")
            said += [document["instead"]] if "instead" in document.fields else []
            told += [f'on the hosts of "{opened["hosts_from"]}"'] if "hosts_from" in opened else []
            said += [document["drill"]] if "drill" in document.fields else []
            told += files + [opened["requester"], opened["requester_key"]]
            said += [document[key].split(" ")[-1] for key in ("inventory", "policy", "signers", "runbook")] + [document.person, document.key]
        elif document.kind == "seal":
            told, said = [entry["seq"] - 1, entry["prev"], event["verdict"]], [*document.journal, document["verdict"]]
        else:
            told, said = [event["person"], event["key"]], [document.person, document.key]
        must(told == said and document["run"] == opened["run"], f"{document.name} says something else than the journal")
    def judge_anchors(self, problem):
        """The newest point that a good signature names, in words; a point that the chain does not hold is a problem."""
        anchors = []
        for document in self.documents.values():
            try:
                if document["run"] == self.opened["run"] and not self.drill:
                    check_signature(document, self.signers(), self.opened["rules"]["domain"], document["issued"])
                    anchors.append(document.journal + (document.person,))
            except Wrong:
                pass  # a text without a good signature vouches for nothing
        for seq, total, who in sorted(anchors):
            if not self.holds((seq, total)):
                problem("anchored", seq, Wrong(f"{who} signed line {seq} with sum {total}, and the journal does not hold it"))
        last = self.entries[-1]
        sealed = any(document.kind == "seal" and document.journal == (last["seq"], last["sum"]) for document in self.documents.values())
        if sealed and last["event"]["kind"] != "run_closed":
            problem("anchored", last["seq"] + 1, Wrong("a seal was signed over the line before, and run_closed is missing", DAMAGED))
        newest = max((anchor for anchor in anchors if anchor[0]), default=None)
        return f"anchored up to line {newest[0]} by {newest[2]}" if newest else None
# --- authority ---
def fill(asks, people):
    """How many slots these can fill (augmenting paths): {person: in whose place they sign, or None where they are asked themselves}."""
    holder, theirs = {}, asks["instead"]["slots"] if asks["instead"] else []
    def seat(person, tried):
        for index, slot in enumerate(asks["slots"]):
            if (index + 1 in theirs if people[person] else person in slot) and index not in tried:
                tried.add(index)
                if index not in holder or seat(holder[index], tried):
                    holder[index] = person
                    return True
        return False
    return sum(seat(person, set()) for person in sorted(people))

class Court:
    """Judges every action again under the approvals and the policy of its time."""
    def __init__(self, record):
        self.record, self.opened, self.runners = record, record.opened, {record.opened["requester"]}
        self.stages, self.gates, self.starts, self.begun, self.mains = {}, {}, {}, set(), {}
        self.whole, self.captured = set(), set()
    def judge(self, entry):
        event, kind = entry["event"], entry["event"]["kind"]
        must(kind != "run_opened" or entry["seq"] == 1, "a run is opened within another")
        must(kind != "run_opened" or ("hosts_from" in event) == (event["mode"] == "live_drill"), "only a live drill has hosts from elsewhere")
        if kind == "stage_prepared":
            self.stages[event["stage"]["step"]] = (entry["seq"], event["stage"])
            self.starts = {key: count for key, count in self.starts.items() if key[0] != event["stage"]["step"]}
        elif kind == "gate_opened":
            request, asks = self.record.named(event), event["asks"]
            self.gates[event["gate"]] = {"line": entry["seq"], "asks": asks, "request": request, "people": {}, "denied": False}
            steps = [line.split(" ")[2] for line in request.plan if line.startswith("step ")] if request else asks["covers"]
            must(steps == asks["covers"], "the request does not show the steps that the gate covers")
        elif kind == "approval_given" and not self.record.drill:
            self.approved(entry, self.gate(event["gate"]), self.record.named(event))
        elif kind == "approval_denied":
            self.gate(event["gate"])["denied"] = True
        elif kind == "gate_expired":
            self.gates.pop(event["gate"], None)
        elif kind == "run_resumed":  # who goes on with a run can no longer vouch for it
            self.runners.add(event["person"])
            for gate in self.gates.values():
                gate["people"].pop(event["person"], None)
        elif kind in ("action_started", "action_reattached", "action_ended"):
            attempt = (event["step"], event["host"], event["part"], event["attempt"])
            must((attempt in self.begun) == (kind != "action_started"), f"{attempt} was started twice, or goes on and never started")
            self.begun.add(attempt)
            if kind == "action_started":
                self.started(event)
            elif kind == "action_ended" and event["ended"]["judgement"]["judged"] == "met" and attempt[2] == "main" and self.keeps(event):
                must(attempt in self.whole, f"{attempt} is said to have gone well, and its evidence is not on record")
                self.captured.add(attempt[:2])
        elif kind == "evidence_kept":
            attempt = (event["step"], event["host"], "main", event["attempt"])
            names = [artifact["name"] for artifact in event["artifacts"]]
            must(attempt in self.begun and names and names == self.keeps(event), f"{attempt} was to keep other evidence")
            if not any(artifact["trouble"] for artifact in event["artifacts"]):
                self.whole.add(attempt)
    def keeps(self, event):
        """The artifacts that a capture is to keep of a host."""
        actions = self.stages.get(event["step"], (0, {"work": {}}))[1]["work"].get("actions", [])
        return [keep["name"] for action in actions if action["host"] == event["host"] for keep in action["keeps"]]
    def preserved(self, stage, action):
        """What destroys information starts only where what it needs was kept before."""
        rules, need, step, environment = self.opened["rules"], stage["evidence"], stage["step"], action["environment"]
        asked = (environment if environment in rules["floors"] else "production") in rules["evidence"]
        must(need != "not_asked" or not asked or stage["effect"] != "destructive", f"{step} names no evidence, and the policy asks for it")
        for capture in need.get("from", []) if isinstance(need, dict) else []:
            must((capture, action["host"]) in self.captured, f"{step} was started before {capture} had kept evidence of {action['host']}")
    def gate(self, number):
        must(number in self.gates, f"gate {number} is not open")
        return self.gates[number]
    def approved(self, entry, gate, approval):
        request, asks, people, person, of = gate["request"], gate["asks"], gate["people"], approval.person, entry["event"]["instead_of"]
        must(request.approved_by(approval) == approval.text, f"the approval of {person} is not of what was asked")
        must(person not in self.runners and approval.key != request.key, f"{person} runs this and cannot approve it as well")
        must(person not in people and fill(asks, {**people, person: of}) > fill(asks, people), f"{person} fills no open place of the gate")
        now, issued, skew = instant(entry["at"]), instant(approval["issued"]), datetime.timedelta(seconds=120)
        must(max(now, issued) <= instant(request["expires"]), f"the approval of {person} came too late")
        must(instant(request["issued"]) - skew <= issued <= now + skew, f"the approval of {person} was not written when it says")
        must(self.record.holds(approval.journal) and request.journal[0] <= approval.journal[0] < entry["seq"], f"{person} saw another record")
        if of:  # by both clocks, without an allowance: it could only make the wait shorter
            regular = fill(asks, {**people, person: None}) > fill(asks, people)
            must(of == asks["instead"]["of"] and person in asks["instead"]["by"] and not regular, f"{person} does not stand in for {of}")
            must(min(now, issued) >= instant(asks["instead"]["from"]), f"{person} stood in for {of} too early")
        people[person] = of
    def started(self, event):
        step, host, part = event["step"], event["host"], event["part"]
        if part == "undo":  # approved together with what it undoes, which must have been started as it should
            must((step, host, event["action"]) in self.mains, f"{step} on {host} undoes what was never begun")
            return must(sha256(bytes_of(self.mains[step, host, event["action"]]["undo"])) == event["sends"], f"{step} on {host}: another undo")
        must(step in self.stages, f"{step} was never prepared")
        line, stage = self.stages[step]
        action = next((action for action in stage["work"].get("actions", []) if action["host"] == host), None)
        must(action and action["place"] and action["digest"] == event["action"], f"{step} on {host} is not what was prepared")
        command = action["done_when"] if part == "look" else action["command"]
        must(command and sha256(bytes_of(command)) == event["sends"], f"{step} on {host}: the bytes that were sent are not those of the plan")
        changes = stage["effect"] != "read"  # what only looks may start as often as it is asked for
        if part == "main":
            starts = self.starts[step, host] = self.starts.get((step, host), 0) + 1
            most = stage["attempts"]["at_most"] if stage["attempts"] != "free" else 0 if changes else starts
            must(starts <= most, f"{step} on {host} was started {starts} times")
            self.preserved(stage, action)
        must(self.opened["mode"] != "dry_run" or part == "look" or not changes, f"a dry run ran {step}")
        if self.opened["mode"] in ("real", "live_drill"):
            self.allowed(line, stage, action, event)
        if part == "main":
            self.mains[step, host, event["action"]] = action
    def allowed(self, line, stage, action, event):
        floors, effect, step = self.opened["rules"]["floors"], stage["effect"], stage["step"]
        named = [floors[name][effect] for name in (action["environment"], "production") if effect in floors.get(name, {})]
        floor = max((named + [0 if effect == "read" else 1])[0], 2 if "waived" in stage["evidence"] else 0)
        must(event["gate"] == stage["gate"], f"{step} was started under another gate than it has")
        if event["gate"] is None:
            must(floor == 0, f"{step} needs {floor} other people, and nobody was asked")
            return
        gate = self.gate(event["gate"])
        asks, people = gate["asks"], gate["people"]
        must(not gate["denied"] and gate["line"] > line and step in asks["covers"], f"the gate was denied, or not asked about {step}")
        must(fill(asks, people) == len(asks["slots"]) and len(people) >= floor, f"{step} had {len(people)} approvals, more were needed")
        self.as_shown(stage, action, event, gate["request"].actions().get((step, event["host"])))
    def as_shown(self, stage, action, event, shown):
        """What ran is what the signed text showed: recomputed from its lines alone."""
        where = f"{stage['step']} on {event['host']}"
        must(shown, f"the approved plan does not show {where}")
        step, host, commands = shown
        text = "\n".join(["runbook-action-v1", step, host] + commands + [""])
        must(sha256(text.encode()) == event["action"], f"{where} is not the action that was approved")
        mark = "  ? " if event["part"] == "look" else "  $ "
        script = b"\n".join(unescape(line[4:]) for line in commands if line.startswith(mark))
        must(event["sends"] in (sha256(script), sha256(script + b"\n")), f"{where}: other bytes were sent than were approved")
        same = step.rsplit('" ', 1)[1].split(",")[0] == stage["effect"] and unescape(host.split(", ")[1]) == action["environment"].encode()
        must(same, f"{where}: the journal names another effect or environment than was approved")

# --- the report ---
def verify(folder, signers=None, journal=None):
    """The report as a dict: status (proven, damaged, tampered), line of the first problem, levels. `journal`: bytes to judge instead."""
    levels = {name: {"level": name, "reached": True, "facts": [], "problem": None} for name in LEVELS}
    def problem(level, line, wrong):
        levels[level]["reached"] = False
        levels[level]["problem"] = levels[level]["problem"] or {"severity": wrong.severity, "line": line, "what": str(wrong)}
    def each(level, judge):
        for entry in record.entries:
            try:
                judge(entry)
            except Wrong as wrong:
                problem(level, entry["seq"], wrong)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
                problem(level, entry["seq"], Wrong(f"it does not say what version 1 says: {error!r}"))
    try:
        record = Record(folder, journal, signers)
        levels["parsed"]["facts"].append(f"{len(record.entries)} lines" + (f", line {record.torn} is torn" if record.torn else ""))
        if record.broken or not record.opened:
            raise record.broken or Wrong("no line opens the run", TAMPERED if record.entries else DAMAGED, "parsed", 1)
        each("files", record.judge_files)
        each("signatures", record.judge_signatures)
        each("authority", Court(record).judge)
        levels["signatures"]["facts"].append("by the record's own allowed_signers" if signers is None else "by the signers given")
        anchor = record.judge_anchors(problem)
        levels["anchored"]["facts"].append(anchor or "nothing anchors this record: a cut at its end could not be seen")
        levels["anchored"]["reached"] &= anchor is not None
    except Wrong as wrong:
        problem(wrong.level, wrong.line, wrong)
        for name in LEVELS[2:]:
            levels[name]["reached"] = False
    problems = [level["problem"] for level in levels.values() if level["problem"]]
    status = max((found["severity"] for found in problems), default="proven")  # "tampered" is the greater word
    return {"status": status, "line": problems[0]["line"] if problems else None, "levels": list(levels.values())}

def main():
    parser = argparse.ArgumentParser(description="Verifies the record of a run, level by level.")
    parser.add_argument("rundir")
    parser.add_argument("--signers", type=argparse.FileType("rb"), help="your own allowed_signers, to rest on nothing of the record")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    report = verify(options.rundir, options.signers.read() if options.signers else None)
    for level in report["levels"] if not options.json else []:
        print(f"{level['level']:11} {'reached' if level['reached'] else 'NOT reached':12} {'; '.join(level['facts'])}".rstrip())
        if level["problem"]:
            print(f"{'':11} {level['problem']['severity']}, line {level['problem']['line'] or '-'}: {level['problem']['what']}")
    print(json.dumps(report, indent=2) if options.json else report["status"])
    return 0 if report["status"] == "proven" else 6

if __name__ == "__main__":
    sys.exit(main())
