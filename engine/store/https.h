// The store behind any static HTTPS server or object store: GET of HOST/PATH/NAME, read only.
//
// 200 is the object, 404 and 410 mean there is none, 304 answers If-None-Match (RFC 9110 section 13.1.2). All else is E1103. A
// watch says "look" at the interval: plain HTTP has no other way to tell.
#pragma once

#include <memory>
#include <string>

#include "engine/store/http.h"
#include "engine/store/store.h"

namespace acl::store {

// `base` is the URL without a slash at its end. Where `http.tls` is false it begins with http://, for tests and loopback.
std::unique_ptr<Source> make_https_source(std::string name, std::string base, HttpOptions http,
                                          std::chrono::milliseconds interval);

}  // namespace acl::store
