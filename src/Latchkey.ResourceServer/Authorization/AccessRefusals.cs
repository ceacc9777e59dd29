using System.Globalization;
using Latchkey.Protocol;

namespace Latchkey.ResourceServer.Authorization;

/// <summary>Why a good token is not good enough, one code each.</summary>
internal static class AccessRefusals
{
    public static readonly Refusal NoUser = new("LK-RS-USER", "The token is the client's own (sub is client_id), and this endpoint is for people.", "RFC 9700 4.15",
        "Call with a token that a person signed in for.");

    public static readonly Refusal Other = new("LK-RS-FORBIDDEN", "A rule of the application refuses this caller.", "RFC 6750 3.1",
        "Ask whoever runs the API for access.");

    public static Refusal Scope(Wanted wanted) => new("LK-RS-SCOPE", $"The token lacks a scope of: {string.Join(' ', wanted.Scopes)}.", "RFC 6750 3.1",
        "Ask for a token with all scopes that this answer names.");

    public static Refusal Authentication(Wanted wanted) => new("LK-RS-STEP-UP", $"The sign-in behind the token is not good enough: {Shown(wanted)}.",
        "RFC 9470 3", "Let the person sign in again with acr_values and max_age as this answer names them.");

    private static string Shown(Wanted wanted)
    {
        var acr = wanted.AcrValues.Count == 0 ? null : $"acr {string.Join(" or ", wanted.AcrValues)}";
        var age = wanted.MaxAge is { } seconds ? string.Create(CultureInfo.InvariantCulture, $"at most {seconds} s ago") : null;
        return acr is null || age is null ? acr ?? age ?? "" : $"{acr}, {age}";
    }
}
