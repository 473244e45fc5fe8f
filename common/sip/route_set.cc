#include "common/sip/route_set.h"

#include "common/sip/headers.h"

namespace lapwing::sip {
namespace {

void pass_own(RouteSet& routes, const Uri& uri) {
  if (routes.own++ > 0) return;
  routes.user = std::string(uri.user);
  routes.orig = uri.has_param("orig");
}

// Only who put a value of ours from Record-Route there makes a request to us with a Route of its own.
void undo_strict_router(RouteSet& routes, const std::function<bool(const Uri&)>& is_ours) {
  auto uri = Uri::parse(routes.request_uri);
  if (routes.rest.empty() || !uri.ok() || !uri->has_param("lr") || !is_ours(*uri)) return;
  auto last = NameAddr::parse(routes.rest.back());
  if (!last.ok()) return;
  pass_own(routes, *uri);
  routes.request_uri = std::string(last->uri.text);
  routes.rest.pop_back();
}

}  // namespace

RouteSet read_route_set(const Message& request, const std::function<bool(const Uri&)>& is_ours) {
  RouteSet routes;
  routes.request_uri = std::string(request.request_uri());
  for (std::string_view value : request.values(HeaderId::route)) routes.rest.push_back(unfold(value));
  undo_strict_router(routes, is_ours);
  size_t ours = 0;
  for (; ours < routes.rest.size(); ++ours) {
    auto hop = NameAddr::parse(routes.rest[ours]);
    if (!hop.ok() || !is_ours(hop->uri)) break;
    pass_own(routes, hop->uri);
  }
  routes.rest.erase(routes.rest.begin(), routes.rest.begin() + static_cast<std::ptrdiff_t>(ours));
  return routes;
}

void write_route_set(Edits& edits, const Message& request, const RouteSet& routes) {
  std::string uri = routes.request_uri;
  std::vector<std::string> hops = routes.rest;
  if (!hops.empty()) {
    auto first = NameAddr::parse(hops.front());
    if (first.ok() && first->uri.is_sip() && !first->uri.has_param("lr")) {
      std::string strict(first->uri.text);
      hops.erase(hops.begin());
      hops.push_back("<" + uri + ">");
      uri = std::move(strict);
    }
  }
  if (uri != request.request_uri()) edits.request_uri(uri);
  if (request.has(HeaderId::route)) edits.remove(HeaderId::route);
  for (const std::string& hop : hops) edits.append(HeaderId::route, hop);
}

}  // namespace lapwing::sip
