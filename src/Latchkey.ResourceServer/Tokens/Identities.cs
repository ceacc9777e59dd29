using System.Security.Claims;
using System.Text;
using System.Text.Json;
using Latchkey.Protocol.Names;
using Latchkey.ResourceServer.Authorization;

namespace Latchkey.ResourceServer.Tokens;

/// <summary>
/// Makes the caller's identity of a token. Claims keep their names. <c>scope</c> is one claim with all scopes, however the provider wrote them, and those that they imply; any other
/// list becomes a claim for each value, and an object becomes its JSON.
/// </summary>
internal static class Identities
{
    public static ClaimsIdentity Of(AccessTokenClaims token, string authenticationType, ScopeHierarchy hierarchy)
    {
        var identity = new ClaimsIdentity(authenticationType, nameType: ClaimNames.Subject, roleType: "roles");
        var issuer = token.Issuer;
        foreach (var name in token.Members.Names)
        {
            if (name == ClaimNames.Scope) continue;
            var members = token.Members;
            if (members.Text(name) is { } text) identity.AddClaim(new(name, text, ClaimValueTypes.String, issuer));
            // Dates, in every token: an element would be dearer than the claim.
            else if (members.Number(name) is not null) identity.AddClaim(new(name, Encoding.UTF8.GetString(members.Raw(name).Span), ClaimValueTypes.Integer64, issuer));
            else if (members.Element(name) is { } value) Add(identity, name, value, issuer);
        }

        if (token.Scopes.Count > 0) identity.AddClaim(new(ClaimNames.Scope, string.Join(' ', hierarchy.With(token.Scopes)), ClaimValueTypes.String, issuer));
        return identity;
    }

    private static void Add(ClaimsIdentity identity, string name, JsonElement value, string issuer)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Array:
                foreach (var entry in value.EnumerateArray()) Add(identity, name, entry, issuer);
                break;
            case JsonValueKind.String:
                identity.AddClaim(new(name, value.GetString()!, ClaimValueTypes.String, issuer));
                break;
            case JsonValueKind.Number:
                identity.AddClaim(new(name, value.GetRawText(), value.TryGetInt64(out _) ? ClaimValueTypes.Integer64 : ClaimValueTypes.Double, issuer));
                break;
            case JsonValueKind.True or JsonValueKind.False:
                identity.AddClaim(new(name, value.GetBoolean() ? "true" : "false", ClaimValueTypes.Boolean, issuer));
                break;
            case JsonValueKind.Object:
                identity.AddClaim(new(name, value.GetRawText(), "JSON", issuer));
                break;
        }
    }
}
