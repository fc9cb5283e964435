// Uri: names of documents, as the editor gives them, and paths.
#pragma once

#include <string>
#include <string_view>

namespace acl::lsp {

// "file:///a/b%20c.hujson" is "/a/b c.hujson", lexically normal; "" for other schemes and other machines: such documents get all
// that needs no other file.
std::string path_of(std::string_view uri);
// Of an absolute path; what is none is taken for a URI already ("untitled:Untitled-1").
std::string uri_of(std::string_view path);

}  // namespace acl::lsp
