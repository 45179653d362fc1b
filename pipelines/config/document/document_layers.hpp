// `extends`: one document over another.
#pragma once

#include "document.hpp"

namespace millrace::pipelines {

/// `over` wins. Maps are merged key by key down to a node's parameters; a parameter's value is replaced as a whole, and so
/// are lists. A node that names another stage replaces the node below it. A node, a chain or an input set to null is removed.
DocNode layered(DocNode below, DocNode over);
/// Keys of the map `over` replace those of the map `below`.
void lay_keys(DocNode& below, DocNode over);

}  // namespace millrace::pipelines
