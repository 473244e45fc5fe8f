// A request on its way through a proxy, with its branches: the response context of RFC 3261 section 16.7, with timer C
// (section 16.8) and CANCEL (section 16.10).
//
//   auto context = Forwarding::make(transactions, transaction, edit_response);
//   co_await context->send(std::move(targets));         // all at once, until each branch has ended
//   if (!context->over()) co_await context->send(...);  // the next group: sequential forking
//   context->finish();                                  // the best response, when no 2xx has gone already
//
// Provisional responses and every 2xx go upstream as they come; the first 2xx and a 6xx end the other branches. A 100
// goes when nothing else has gone within 200 ms. Lives on the worker of the transaction, for as long as one of its
// branches may bring a 2xx.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "common/sip/edits.h"
#include "common/sip/transaction_layer.h"

namespace lapwing::sip {

// The largest request that may go by UDP, in bytes (RFC 3261 section 18.1.1).
constexpr size_t datagram_limit = 1300;

// Where a branch goes, and what changes in the request on its way there.
struct Target {
  Edits edits = {};  // all but our Via
  Flow flow = {};
  // For a request over 1,300 bytes: by TCP. Where that fails it goes by `flow` after all (RFC 3261 section 18.1.1).
  std::optional<Flow> large = {};
  std::string sent_by = {};  // of our Via
  std::string mark = {};     // behind the branch: what we would know the request by if it came again (RFC 5393)
  TimerValues timers = {};
};

class Forwarding : public std::enable_shared_from_this<Forwarding> {
 public:
  // What changes in a response on its way upstream, besides that our Via goes.
  using EditResponse = std::function<void(Edits&, const Message&)>;
  static constexpr Duration timer_c = std::chrono::seconds(185);  // over 3 minutes
  static constexpr Duration longest = std::chrono::hours(12);     // a branch that rings that long is given up

  static std::shared_ptr<Forwarding> make(TransactionLayer& layer, std::shared_ptr<ServerTransaction> transaction,
                                          EditResponse edit);
  ~Forwarding();

  Task<void> send(std::vector<Target> targets);
  // To one target. heard_within: one that has said nothing at all by then, not even 100, is waited for no longer.
  Task<void> send_to(Target target, std::optional<Duration> heard_within = std::nullopt);
  // Likewise, and finishes.
  Task<void> send_only(Target target);
  // Nothing more to try: a 2xx or a 6xx came, or a CANCEL.
  bool over() const { return accepted_ || declined_ || cancelled_; }
  bool accepted() const { return accepted_; }
  bool cancelled() const { return cancelled_; }
  // No branch brought a final response, and one could not even be sent.
  bool unreachable() const { return !best_ && unreachable_; }
  // The best final response so far that is no 2xx; null: none.
  const Message* best() const { return best_.get(); }
  // Sends the best response (section 16.7 step 6). Without one: 408 to an INVITE, or 487 after CANCEL, 500 when no next
  // hop could be reached; nothing to another request that nobody answered (RFC 4320 section 4.1).
  void finish();
  // Ends what is open, with this Reason, so that send() returns.
  void cancel(const std::string& reason);

  // For a next hop that may be passed over, as application servers may (TS 24.229 section 5.4.3.2).
  // A response came since the last forget(), be it 100; one other than 100 has gone upstream.
  bool heard() const { return heard_; }
  bool progressed() const { return progressed_; }
  // Cancels what is open and waits for it no longer, so that send() returns at once. A 2xx that comes of it goes
  // upstream all the same.
  void abandon();
  // What the branches brought so far counts no longer.
  void forget();

 private:
  struct Branch {
    std::string id = {};
    std::optional<Target> smaller = {};  // still to be tried, should the way for large requests fail
    Timers::Id timer_c = 0;
    bool ended = false;
  };
  Forwarding(TransactionLayer& layer, std::shared_ptr<ServerTransaction> transaction, EditResponse edit);
  void listen();
  void start(size_t branch, Target target);
  void answered(size_t branch, const Answer& answer);
  void provisional(size_t branch, const Message& response);
  void final_response(std::shared_ptr<const Message> response);
  void end(size_t branch);
  void cancel_others(size_t but, const std::string& reason);
  void watch(size_t branch);
  void upstream(const Message& response);
  bool invite() const { return transaction_->request().method() == Method::invite; }

  TransactionLayer& layer_;
  Timers& timers_;  // outlives the layer, whose transactions may hold us until the worker ends
  std::shared_ptr<ServerTransaction> transaction_;
  EditResponse edit_;
  std::vector<Branch> branches_;
  std::optional<OneShot<bool>::Sink> all_ended_;
  Timers::Id trying_ = 0;
  std::shared_ptr<const Message> best_;
  std::vector<std::shared_ptr<const Message>> challenges_;  // 401 and 407 of all branches
  bool accepted_ = false, declined_ = false, cancelled_ = false, unreachable_ = false;
  bool heard_ = false, progressed_ = false;
};

// The ACK to a 2xx, which has no transaction (RFC 3261 section 13.2.2.4).
void forward_ack(TransactionLayer& layer, const Message& ack, Target target);

// Section 16.7 step 6: is the first the better final response? 6xx before all, then the lowest class; within 4xx those
// that tell how to try again: 401, 407, 415, 420, 484.
bool better_response(int first, int second);

}  // namespace lapwing::sip
