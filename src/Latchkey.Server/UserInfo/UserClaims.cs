using System.Text.Json;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Storage;

namespace Latchkey.Server.UserInfo;

/// <summary>Where claims are delivered, as the <c>claims</c> parameter spells it (OpenID Connect Core section 5.5).</summary>
internal enum ClaimsTarget
{
    /// <summary>The UserInfo endpoint.</summary>
    UserInfo,

    /// <summary>The ID token.</summary>
    IdToken,
}

/// <summary>
/// The claims of a person, for the scopes and the <c>claims</c> parameter that ask for them. A claim that is not known is left out
/// (OpenID Connect Core section 5.3.2).
/// </summary>
internal static class UserClaims
{
    /// <summary>Writes the claims that the scopes ask for (OpenID Connect Core section 5.4), then those that the <c>claims</c> parameter names.</summary>
    /// <param name="json">Within an object whose <c>sub</c> is written already.</param>
    /// <param name="user">The person.</param>
    /// <param name="scope">The scopes of the token; empty in an ID token, since there an access token fetches them.</param>
    /// <param name="claims">The <c>claims</c> parameter as JSON, if the request had one.</param>
    /// <param name="target">Where the claims go.</param>
    public static void Write(Utf8JsonWriter json, User user, ScopeSet scope, string? claims, ClaimsTarget target)
    {
        foreach (var (name, list) in ScopeClaims.Table)
        {
            if (!scope.Contains(name)) continue;
            foreach (var claim in list) WriteClaim(json, user, claim);
        }

        foreach (var claim in Requested(claims, target))
        {
            if (!IsCovered(claim, scope)) WriteClaim(json, user, claim);
        }
    }

    /// <summary>Writes claims by name, such as those that a resource wants in its access tokens.</summary>
    public static void Write(Utf8JsonWriter json, User user, IReadOnlyList<string> names)
    {
        foreach (var name in names) WriteClaim(json, user, name);
    }

    /// <summary>The value of a claim as text for people, such as on the consent page; null if it is not known.</summary>
    public static string? Describe(User user, string name)
    {
        if (user.Claims.TryGetValue(name, out var value)) return value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText();
        return name == "preferred_username" ? user.Username : null;
    }

    /// <summary>The claims that the <c>claims</c> parameter names for a target and that are about a person.</summary>
    public static IReadOnlyList<string> Requested(string? claims, ClaimsTarget target)
    {
        if (claims is null) return [];
        using var document = JsonDocument.Parse(claims);
        if (!document.RootElement.TryGetProperty(target == ClaimsTarget.UserInfo ? "userinfo" : "id_token", out var members)
            || members.ValueKind != JsonValueKind.Object) return [];
        var names = new List<string>();
        foreach (var member in members.EnumerateObject())
        {
            if (IsPersonal(member.Name) && !names.Contains(member.Name)) names.Add(member.Name);
        }

        return names;
    }

    // Only what OpenID Connect Core section 5.1 defines about a person can be asked for; the rest of a token is not the request's to set.
    private static bool IsPersonal(string name)
    {
        foreach (var (_, list) in ScopeClaims.Table)
        {
            if (list.Contains(name)) return true;
        }

        return false;
    }

    private static bool IsCovered(string name, ScopeSet scope)
    {
        foreach (var (token, list) in ScopeClaims.Table)
        {
            if (scope.Contains(token) && list.Contains(name)) return true;
        }

        return false;
    }

    private static void WriteClaim(Utf8JsonWriter json, User user, string name)
    {
        if (user.Claims.TryGetValue(name, out var value))
        {
            if (value.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined) return;
            json.WritePropertyName(name);
            value.WriteTo(json);
            return;
        }

        switch (name)
        {
            case "preferred_username":
                json.WriteString(name, user.Username);
                break;
            case "updated_at":
                json.WriteNumber(name, user.UpdatedAt / 1000);
                break;
            case "email_verified" when user.Claims.ContainsKey("email"):
            case "phone_number_verified" when user.Claims.ContainsKey("phone_number"):
                json.WriteBoolean(name, false);
                break;
        }
    }
}
