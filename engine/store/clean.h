// Clean-up after a publication: takes the generations away that publish.h lets go, and what only they needed.
//
// Needs the store's lock. Every page that a kept release needs is found first, in the folder or else in the store; if one of
// them is nowhere, nothing is taken away. Then pages go, parents before children, so that a page in the store still means that
// all below it is there, wherever this is interrupted. First among them those that a publication left behind which was never
// finished: they may name what goes, too. Then blobs; heads last, so that the next publication finds what is left. Where no
// generation goes, nothing is listed or read but heads. Nothing here makes a publication fail.
#pragma once

#include "engine/store/folder.h"
#include "engine/store/publish.h"
#include "engine/store/store.h"

namespace acl::store {

Cleaned clean(const Folder& folder, Target& target, const release::Generation& newest, const PublishOptions& options);

}  // namespace acl::store
