#include "tests/scenarios/support/scscf_world.h"

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/sip/uri.h"
#include "scscf/procedures/deregister.h"
#include "scscf/procedures/release.h"
#include "scscf/procedures/short_message.h"
#include "scscf/procedures/unregistered_user.h"

namespace lapwing::scenarios {
namespace {

Duration duration(const std::string& text) {
  auto parsed = duration_from(text);
  if (!parsed.ok()) throw Failure("not a duration: " + text);
  return *parsed;
}

std::vector<sip::Endpoint> endpoints_from(const std::string& text) {
  std::vector<sip::Endpoint> endpoints;
  for (absl::string_view one : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    endpoints.push_back(*endpoint_from(std::string(one)));
  }
  return endpoints;
}

std::vector<scscf::OtherServer> servers_from(const std::string& text, const std::vector<sip::Endpoint>& listen) {
  std::vector<scscf::OtherServer> servers;
  for (absl::string_view one : absl::StrSplit(text, ';')) {
    std::vector<std::string> words = absl::StrSplit(one, ' ', absl::SkipEmpty());
    scscf::OtherServer server;
    server.name = words.at(0);
    server.flow.remote = *endpoint_from(words.at(1));
    for (const sip::Endpoint& ours : listen) {
      if (ours.address.is_v4() == server.flow.remote.address.is_v4()) server.flow.local = ours;
    }
    if (words.size() > 3) server.weight = static_cast<uint32_t>(std::stoul(words[3]));
    if (words.size() > 2 && words[2] != "none") {
      for (absl::string_view c : absl::StrSplit(words[2], ',')) {
        server.capabilities.push_back(static_cast<uint32_t>(std::stoul(std::string(c))));
      }
    }
    servers.push_back(server);
  }
  return servers;
}

void set_for_calls(scscf::Settings& s, const std::string& key, const std::string& value) {
  if (key == "country_code")
    s.numbers.country_code = value;
  else if (key == "area_code")
    s.numbers.area_code = value;
  else if (key == "international_prefix")
    s.numbers.international_prefix = value;
  else if (key == "national_prefix")
    s.numbers.national_prefix = value;
  else if (key == "next_contact_after")
    s.next_contact_after = duration(value);
  else if (key == "pcscf_answers_within")
    s.pcscf_answers_within = duration(value);
  else if (key == "session_expires")
    s.session_expires = duration(value);
  else if (key == "min_session_expires")
    s.min_session_expires = duration(value);
  else if (key == "longest_call")
    s.longest_call = duration(value);
  else if (key == "scscf_trusted")
    s.trusted = {*prefix_from(value)};
}

// "NUMBER TYPE"
void add_media_profile(scscf::Settings& s, const std::string& value) {
  size_t space = value.find(' ');
  s.services.media_profiles[static_cast<uint32_t>(std::stoul(value))].media.push_back(value.substr(space + 1));
}

// "NAME ADDRESS:PORT"
void add_host(scscf::Settings& s, const std::string& value) {
  size_t space = value.find(' ');
  s.hosts[value.substr(0, space)] = *endpoint_from(value.substr(space + 1));
}

void set_for_short_messages(scscf::ShortMessageSettings& s, const std::string& key, const std::string& value) {
  if (key == "short_messages")
    s.enabled = value == "on";
  else if (key == "short_messages_longest")
    s.longest = duration(value);
  else if (key == "short_messages_limit")
    s.limit = static_cast<uint32_t>(std::stoul(value));
  else if (key == "short_messages_per_receiver")
    s.per_receiver = static_cast<uint32_t>(std::stoul(value));
}

scscf::Settings settings_from(const SettingsText& text) {
  scscf::Settings s;
  s.name = "sip:scscf.ims.example.org:6060";
  s.home_domain = "ims.example.org";
  s.listen = {*endpoint_from("10.4.128.21:6060")};
  s.short_messages.uri = "tel:+15550000000";
  s.short_messages.address = *sms::Address::from_number("+15550000000");
  for (const auto& [key, value] : text) {
    if (key == "name")
      s.name = value;
    else if (key == "home_domain")
      s.home_domain = value;
    else if (key == "listen")
      s.listen = endpoints_from(value);
    else if (key == "qop")
      s.qop = value == "none" ? "" : value;
    else if (key == "await_auth")
      s.await_auth = duration(value);
    else if (key == "min_expires")
      s.min_expires = duration(value);
    else if (key == "max_expires")
      s.max_expires = duration(value);
    else if (key == "default_expires")
      s.default_expires = duration(value);
    else if (key == "reauthenticate_after")
      s.reauthenticate_after = duration(value);
    else if (key == "max_resynchronisations")
      s.max_resynchronisations = static_cast<uint32_t>(std::stoul(value));
    else if (key == "max_contacts")
      s.max_contacts = static_cast<uint32_t>(std::stoul(value));
    else if (key == "accept_unprotected_aka")
      s.accept_unprotected_aka = value == "on";
    else if (key == "keep_profile")
      s.keep_profile = value == "on";
    else if (key == "interrogating")
      s.interrogating = value == "on";
    else if (key == "serving")
      s.serving = value == "on";
    else if (key == "servers")
      s.servers = servers_from(value, s.listen);
    else if (key == "hosts")
      add_host(s, value);
    else if (key == "media_profile")
      add_media_profile(s, value);
    else if (key == "capabilities")
      s.capabilities = {static_cast<uint32_t>(std::stoul(value))};
    else if (key == "request_uri")
      s.services.request_uri = value == "whole" ? scscf::RequestUriPart::whole : scscf::RequestUriPart::host_or_number;
    else if (key == "weight")
      s.weight = static_cast<uint32_t>(std::stoul(value));
    else if (key.starts_with("short_messages"))
      set_for_short_messages(s.short_messages, key, value);
    else
      set_for_calls(s, key, value);
  }
  return s;
}

template <typename Answer>
Task<void> keep(Task<Answer> task, std::optional<Answer>* out) {
  *out = co_await std::move(task);
}

std::string text_of(const cx::Result& result) {
  return (result.experimental ? "e" : "") + std::to_string(result.code);
}

std::string call_text(scscf::Call& call) {
  std::lock_guard lock(call.mutex);
  return std::string(scscf::state_text(call.state));
}

}  // namespace

Scscf::Scscf(World& w, sip::Transport& transport, const SettingsText& settings)
    : world(w),
      settings_text(settings),
      core(settings_from(settings), hss, w.clock, w.report()),
      layer(w.worker, transport, index, scscf::transaction_options(core)),
      pushes((core.sites.push_back({w.worker, layer}), core), core.sites.front()) {
  scscf::serve(core, core.sites.front());
}

bool Scscf::step(const Step& step, Variables& variables) {
  if (step.word == "hss:") {
    hss.play(step.rest, variables);
  } else if (step.word == "push:") {
    push(step.rest, variables);
  } else if (step.word == "every-minute") {
    scscf::expire_short_messages(core, core.sites.front());
    scscf::release_unregistered(core, core.sites.front());
    core.original_dialogs.sweep(world.clock.now() - std::chrono::minutes(5));
  } else if (step.word == "drain" || step.word == "resume") {
    core.draining = step.word == "drain";
  } else if (step.word == "reload") {
    size_t space = step.rest.find(' ');
    settings_text[step.rest.substr(0, space)] = variables.expand(step.rest.substr(space + 1));
    core.configure(settings_from(settings_text));
  } else if (step.word == "operator:" && step.rest == "hangup") {
    for (auto& call : core.calls.all()) {
      scscf::release(core, core.sites.front(), call, "SIP;cause=480;text=\"Released\"", "the operator hung up");
    }
  } else if (step.word == "operator:") {
    Arguments arguments = arguments_of(variables.expand(step.rest));
    auto event =
        arguments.words.at(2) == "rejected" ? reginfo::ContactEvent::rejected : reginfo::ContactEvent::deactivated;
    world.worker.spawn(keep(scscf::deregister_by_network(core, core.sites.front(), arguments.words.at(1), {}, event,
                                                         true, "the operator ended the registration"),
                            &gone_));
  } else if (step.word == "expect") {
    Arguments arguments = arguments_of(variables.expand(step.rest));
    if (!expectation(arguments, step, variables)) return false;
  } else {
    return false;
  }
  world.settle();
  return true;
}

void Scscf::push(const std::string& text, Variables& variables) {
  Arguments arguments = arguments_of(variables.expand(text));
  const std::vector<std::string>& words = arguments.words;
  std::string wanted = words.back(), got = "no answer";
  if (words.at(0) == "RTR") {
    cx::RegistrationTerminationRequest rtr;
    rtr.impi = words.at(1);
    rtr.reason = static_cast<cx::DeregistrationReason>(std::stoi(words.at(2)));
    if (words.at(3) != "->") rtr.impus = absl::StrSplit(words[3], ',');
    std::optional<cx::RegistrationTerminationAnswer> answer;
    world.worker.spawn(keep(pushes.terminate(rtr), &answer));
    world.settle();
    if (answer) got = text_of(answer->result);
  } else {
    cx::PushProfileRequest ppr;
    ppr.impi = words.at(1);
    const std::string* profile = variables.find(words.at(2));
    if (!profile) throw Failure("no text is called " + words.at(2));
    ppr.user_data = variables.expand(*profile);
    if (auto ccf = arguments.named.find("ccf"); ccf != arguments.named.end()) {
      ppr.charging = cx::ChargingInformation{{}, {}, ccf->second, {}};
    }
    std::optional<cx::PushProfileAnswer> answer;
    world.worker.spawn(keep(pushes.push_profile(ppr), &answer));
    world.settle();
    if (answer) got = text_of(answer->result);
  }
  require("the answer", wanted, got);
}

bool Scscf::expectation(const Arguments& arguments, const Step& step, Variables& variables) {
  const std::vector<std::string>& words = arguments.words;
  const std::string& what = words.at(0);
  scscf::Registrar::Counts counts = core.registrar.counts();
  if (what == "contacts") {
    require("contacts", words.at(1), std::to_string(counts.contacts));
  } else if (what == "challenges") {
    require("challenges", words.at(1), std::to_string(counts.challenges));
  } else if (what == "subscriptions") {
    require("subscriptions", words.at(1), std::to_string(core.subscriptions.size()));
  } else if (what == "calls") {
    require("calls", words.at(1), std::to_string(core.calls.size()));
  } else if (what == "call") {
    std::string states;
    for (auto& call : core.calls.all()) states += std::string(states.empty() ? "" : " ") + call_text(*call);
    std::string all = variables.expand(step.rest);
    require("calls", all.substr(all.find(' ') + 1), states);
  } else if (what == "original-dialogs") {
    require("requests with application servers", words.at(1), std::to_string(core.original_dialogs.size()));
  } else if (what == "unregistered") {
    require("users served unregistered", words.at(1), std::to_string(core.unregistered.size()));
  } else if (what == "short-messages") {
    require("short messages that wait", words.at(1), std::to_string(core.short_messages.size()));
  } else if (what == "hss-idle") {
    require("requests to the HSS", "", hss.waiting());
  } else if (what == "state" || what == "why") {
    std::string state = "(no such user)", why;
    core.registrar.with_existing(words.at(1), [&](scscf::User& user) {
      state = scscf::state_text(user.state);
      why = user.why;
    });
    std::string all = variables.expand(step.rest);
    std::string rest = all.substr(all.find(words.at(1)) + words.at(1).size() + 1);
    if (what == "state") {
      require("state", rest, state);
    } else if (why.find(rest) == std::string::npos) {
      throw Failure("why: " + why);
    }
  } else {
    return false;
  }
  return true;
}

}  // namespace lapwing::scenarios
