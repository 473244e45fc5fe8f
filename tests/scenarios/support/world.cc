#include "tests/scenarios/support/world.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_format.h"

namespace lapwing::scenarios {
namespace {

bool same_way(const sip::Flow& a, const sip::Flow& b) {
  return a.protocol == b.protocol && a.local == b.local && a.remote == b.remote;
}

// Plays one scenario.
class Player {
 public:
  Player(const Scenario& scenario, const Factory& factory)
      : scenario_(scenario), factory_(factory), variables_(scenario.library->variables) {}

  void play() {
    run(scenario_.steps);
    if (skipped_) return;
    if (!world_) throw Failure("no step does anything");
    std::string left;
    for (const SentMessage& message : world_->transport.sent) left += shown(message) + "\n";
    if (!left.empty()) throw Failure("sent, and nobody looked at it:\n" + left);
    if (std::string rest = world_->left_over(); !rest.empty()) throw Failure("left over: " + rest);
  }
  bool skipped() const { return skipped_; }

 private:
  static std::string shown(const SentMessage& message) {
    return message.flow.text() + "\n" + readable(message.bytes) + "\n";
  }

  void run(const std::vector<Step>& steps) {
    for (const Step& step : steps) {
      if (skipped_) return;
      try {
        take(step);
      } catch (const Failure& failure) {
        if (std::string_view(failure.what()).starts_with("at ")) throw;
        throw Failure(
            absl::StrFormat("at %s:%d: %s %s\n%s", step.file, step.line, step.word, step.rest, failure.what()));
      }
    }
  }

  void take(const Step& step) {
    if (step.word == "set") return set(step);
    if (step.word == "let") return let(step);
    if (step.word == "unset") return variables_.unset(step.rest);
    if (step.word == "flow") return flow(step);
    if (step.word == "needs-handset-data") {
      skipped_ = handset_data().empty();
      return;
    }
    if (step.word == "do") return call(step);
    if (!world_) world_ = factory_(settings_);
    if (step.word == ">") return come_in(step);
    if (step.word == "<") return go_out(step);
    if (step.word == "again") return receive(last_in_[step.rest], flow_named(step.rest));
    if (step.word == "file") return file(step);
    if (step.word == "advance") {
      auto by = duration_from(step.rest);
      if (!by.ok()) throw Failure("what time is that?");
      return world_->advance(*by);
    }
    if (step.word == "fail-send") return world_->transport.failing.push_back(flow_named(step.rest));
    if (step.word == "forget-messages") return world_->transport.sent.clear();
    if (step.word == "expect" && expectation(step)) return;
    if (!world_->step(step, variables_)) throw Failure("no such step");
  }

  void set(const Step& step) {
    if (world_) throw Failure("settings come before everything else");
    size_t space = step.rest.find(' ');
    if (space == std::string::npos) throw Failure("set what to what?");
    settings_[step.rest.substr(0, space)] = variables_.expand(step.rest.substr(space + 1));
  }

  void let(const Step& step) {
    size_t space = step.rest.find(' ');
    std::string value = space == std::string::npos ? step.block : step.rest.substr(space + 1);
    variables_.set(step.rest.substr(0, space), variables_.expand(value));
  }

  void flow(const Step& step) {
    Arguments arguments = arguments_of(variables_.expand(step.rest));
    if (arguments.words.size() != 4) throw Failure("flow NAME PROTOCOL REMOTE LOCAL");
    sip::Flow made = flow_from(arguments.words[1], arguments.words[2], arguments.words[3]);
    flows_[arguments.words[0]] = made;
  }

  const sip::Flow& flow_named(const std::string& name) const {
    auto found = flows_.find(name);
    if (found == flows_.end()) throw Failure("no flow is called " + name);
    return found->second;
  }

  // Binds the step's k=v for the time of the scope; they are read where they are used.
  class Bound {
   public:
    Bound(Variables& variables, const std::map<std::string, std::string>& named) : variables_(variables) {
      for (const auto& [name, value] : named) {
        const std::string* old = variables.find(name);
        saved_.emplace_back(name, old ? std::optional<std::string>(*old) : std::nullopt);
      }
      for (auto [name, value] : named) {
        // A name in its own value means what it meant before.
        std::string self = "{{" + name + "}}";
        const std::string* old = variables.find(name);
        for (size_t at = value.find(self); old && at != std::string::npos; at = value.find(self)) {
          value.replace(at, self.size(), *old);
        }
        variables.set(name, value);
      }
    }
    ~Bound() {
      for (auto& [name, value] : saved_) {
        if (value) {
          variables_.set(name, *value);
        } else {
          variables_.unset(name);
        }
      }
    }

   private:
    Variables& variables_;
    std::vector<std::pair<std::string, std::optional<std::string>>> saved_;
  };

  std::string message_of(const Arguments& arguments, const Step& step) const {
    if (arguments.words.size() < 2) return step.block;
    auto found = scenario_.library->messages.find(arguments.words[1]);
    if (found == scenario_.library->messages.end()) throw Failure("no message is called " + arguments.words[1]);
    return edited(found->second, step.block);
  }

  void come_in(const Step& step) {
    Arguments arguments = arguments_of(step.rest);
    Bound bound(variables_, arguments.named);
    std::string bytes = wire_from(variables_.expand(message_of(arguments, step)));
    std::string flow = variables_.expand(arguments.words.at(0));
    last_in_[flow] = bytes;
    receive(bytes, flow_named(flow));
  }

  void receive(const std::string& bytes, const sip::Flow& flow) {
    world_->receive(bytes, flow);
    world_->settle();
  }

  void go_out(const Step& step) {
    Arguments arguments = arguments_of(step.rest);
    Bound bound(variables_, arguments.named);
    const sip::Flow& way = flow_named(variables_.expand(arguments.words.at(0)));
    if (world_->transport.sent.empty()) throw Failure("nothing was sent");
    SentMessage message = std::move(world_->transport.sent.front());
    world_->transport.sent.pop_front();
    if (!same_way(message.flow, way)) {
      throw Failure("went another way than " + way.text() + ":\n" + shown(message));
    }
    std::string expected = message_of(arguments, step);
    if (auto difference = variables_.match(expected, readable(message.bytes))) {
      throw Failure(*difference + "\nin " + shown(message));
    }
  }

  void file(const Step& step) {
    Arguments arguments = arguments_of(step.rest);
    std::ifstream in(handset_data() + "/" + arguments.words.at(1), std::ios::binary);
    if (!in) throw Failure("no such file in the handset data");
    std::stringstream text;
    text << in.rdbuf();
    std::string bytes = text.str();
    if (!step.block.empty()) {
      size_t end = bytes.find("\r\n\r\n");
      std::string headers = edited(readable(bytes.substr(0, end)), variables_.expand(step.block));
      std::string head;
      for (const std::string& row : lines_of(headers)) head += row + "\r\n";
      bytes = head + bytes.substr(end + 2);
    }
    last_in_[arguments.words.at(0)] = bytes;
    receive(bytes, flow_named(arguments.words.at(0)));
  }

  void call(const Step& step) {
    Arguments arguments = arguments_of(step.rest);
    auto found = scenario_.library->steps.find(arguments.words.at(0));
    if (found == scenario_.library->steps.end()) throw Failure("no steps are called " + arguments.words.at(0));
    Bound bound(variables_, arguments.named);
    run(found->second);
  }

  bool expectation(const Step& step) {
    Arguments arguments = arguments_of(step.rest);
    const std::string& what = arguments.words.at(0);
    if (what == "no-message") {
      if (!world_->transport.sent.empty()) throw Failure("this was sent:\n" + shown(world_->transport.sent.front()));
      return true;
    }
    if (what == "reset") {
      const sip::Flow& flow = flow_named(arguments.words.at(1));
      for (const sip::Flow& reset : world_->transport.resets) {
        if (same_way(flow, reset)) return true;
      }
      throw Failure("no connection was reset on this flow");
    }
    if (what == "repeats") {
      require("repetitions", arguments.words.at(1), std::to_string(std::exchange(world_->transport.repeats, 0)));
      return true;
    }
    if (what == "event") {
      std::string kind = arguments.words.at(1), text, all;
      size_t at = step.rest.find(kind) + kind.size();
      if (at + 1 < step.rest.size()) text = variables_.expand(step.rest.substr(at + 1));
      for (const World::Event& event : world_->events) {
        if (event.kind == kind && event.text.find(text) != std::string::npos) return true;
        all += "  " + event.kind + " " + event.impi + ": " + event.text + "\n";
      }
      throw Failure("no such event; there were\n" + all);
    }
    return false;
  }

  const Scenario& scenario_;
  const Factory& factory_;
  Variables variables_;
  SettingsText settings_;
  std::map<std::string, sip::Flow> flows_;
  std::unique_ptr<World> world_;
  std::map<std::string, std::string> last_in_;  // by flow
  bool skipped_ = false;
};

class ScenarioTest : public testing::Test {
 public:
  ScenarioTest(Scenario scenario, Factory factory) : scenario_(std::move(scenario)), factory_(std::move(factory)) {}
  void TestBody() override {
    Player player(scenario_, factory_);
    try {
      player.play();
    } catch (const Failure& failure) {
      FAIL() << failure.what();
    }
    if (player.skipped()) GTEST_SKIP() << "the captured handset messages are not here (LAPWING_HANDSET_DATA)";
  }

 private:
  const Scenario scenario_;
  const Factory factory_;
};

}  // namespace

void FakeTransport::send(const sip::Flow& flow, std::string_view message, Failed on_failure) {
  for (auto it = failing.begin(); it != failing.end(); ++it) {
    if (!same_way(*it, flow)) continue;
    failing.erase(it);
    if (on_failure) {
      worker_.post(
          [failed = std::move(on_failure)]() mutable { failed(absl::UnavailableError("connection refused")); });
    }
    return;
  }
  std::string bytes(message);
  if (divert && divert(flow, bytes)) return;
  if (!seen_.insert(flow.text() + bytes).second) {
    ++repeats;
    return;
  }
  sent.push_back({flow, std::move(bytes)});
}

void World::settle() {
  for (size_t ran = 1; ran > 0;) {
    worker.context().restart();
    ran = worker.context().poll() + worker.timers().run_due();
  }
}

void World::advance(Duration by) {
  TimePoint end = clock.now() + by;
  for (;;) {
    settle();
    std::optional<TimePoint> next = worker.timers().next();
    if (!next || *next > end) break;
    if (*next > clock.now()) clock.advance(*next - clock.now());
  }
  clock.advance(end - clock.now());
  settle();
}

int register_scenarios(const std::string& folder, Factory factory) {
  int count = 0;
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(LAPWING_SOURCE_DIR "/tests/scenarios/") + folder)) {
    if (entry.path().extension() == ".scenario") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const std::filesystem::path& path : files) {
    std::string suite = folder + "_" + path.stem().string();
    try {
      for (const Scenario& scenario : read_scenarios(path.string())) {
        testing::RegisterTest(suite.c_str(), scenario.name.c_str(), nullptr, nullptr, path.c_str(), scenario.line,
                              [scenario, factory]() -> ScenarioTest* { return new ScenarioTest(scenario, factory); });
        ++count;
      }
    } catch (const Failure& failure) {
      std::string why = failure.what();
      testing::RegisterTest(suite.c_str(), "can_be_read", nullptr, nullptr, path.c_str(), 1,
                            [why, factory]() -> ScenarioTest* {
                              Scenario broken{.name = why, .file = {}, .line = 0, .steps = {}, .library = {}};
                              broken.library = std::make_shared<Library>();
                              return new ScenarioTest(broken, factory);
                            });
      std::fprintf(stderr, "%s\n", why.c_str());
    }
  }
  return count;
}

std::string handset_data() {
  if (const char* given = std::getenv("LAPWING_HANDSET_DATA")) return given;
  std::string beside = LAPWING_SOURCE_DIR "/../shared/data/handset";
  return std::filesystem::exists(beside) ? beside : "";
}

sip::Flow flow_from(const std::string& protocol, const std::string& remote, const std::string& local) {
  auto there = endpoint_from(remote), here = endpoint_from(local);
  if (auto address = address_from(local); address.ok()) here = sip::Endpoint{*address, 0};
  if (!there.ok() || !here.ok()) throw Failure("not an endpoint: " + remote + " or " + local);
  sip::Flow flow{protocol == "tcp" ? sip::Protocol::tcp : sip::Protocol::udp, *here, *there, 0};
  if (protocol == "tcp") flow.connection = 1;
  return flow;
}

void require(const std::string& what, const std::string& expected, const std::string& actual) {
  if (expected != actual) throw Failure(absl::StrFormat("%s: expected %s, is %s", what, expected, actual));
}

}  // namespace lapwing::scenarios
