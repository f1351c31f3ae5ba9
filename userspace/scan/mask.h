// Masking: what of a match may stand in a record.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace writ::scan {

std::string mask_card(std::string_view match);   // "4111********1111"
std::string mask_iban(std::string_view match);   // "DE89**************3000"
std::string mask_ssn(std::string_view match);    // "***-**-**89"
std::string mask_email(std::string_view match);  // "s****@example.com"

// The first `show` bytes as printable ASCII (runs of blanks become one), then up to sixteen stars.
std::string mask_rest(std::string_view match, std::size_t show);

}  // namespace writ::scan
