/* For the tests of the library itself: the same parsers with memory that may run out. */
#ifndef SPEC_PARSE_H
#define SPEC_PARSE_H

#include "spec/arena.h"
#include "spec/spec.h"

struct spec_doc *spec_parse_with(const struct spec_allocator *allocator /* kept */,
                                 const char *text, size_t len);
struct spec_inputs_doc *spec_parse_inputs_with(const struct spec_allocator *allocator /* kept */,
                                               const char *text, size_t len);

#endif
