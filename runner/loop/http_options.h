/* What a request says, as libcurl's options; of http.c alone. */
#ifndef LOOP_HTTP_OPTIONS_H
#define LOOP_HTTP_OPTIONS_H

#include <curl/curl.h>

#include "loop/http.h"

/* `is_stream`: its body comes from the handle's read function.  The headers, which must live as
 * long as the transfer; the caller frees them. */
struct curl_slist *http_set_options(CURL *easy, const struct http_request *request, bool is_get,
                                    bool is_stream);

#endif
