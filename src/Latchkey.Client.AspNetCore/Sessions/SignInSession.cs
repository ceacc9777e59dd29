using System.Security.Claims;
using System.Text.Json;

namespace Latchkey.Client.AspNetCore.Sessions;

/// <summary>
/// What the server keeps of somebody who is signed in. The browser holds a random id that finds it and nothing else; the tokens are kept beside it
/// and never leave the server.
/// </summary>
public sealed record SignInSession
{
    /// <summary>The SHA-256 hash of the id in the browser's cookie: whoever reads the store can't make a cookie from it.</summary>
    public required string Key { get; init; }

    /// <summary>The authentication scheme that signed the person in.</summary>
    public required string Scheme { get; init; }

    /// <summary>The provider that did.</summary>
    public required string Issuer { get; init; }

    /// <summary>The person at that provider: <c>sub</c>.</summary>
    public required string Subject { get; init; }

    /// <summary>The provider's own session: <c>sid</c>, which logout tokens name; null if the provider did not say.</summary>
    public string? ProviderSession { get; init; }

    /// <summary>When the person signed in here.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When the session ends however busy it is.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>The ID token, for the provider's logout (<c>id_token_hint</c>); null where there was none.</summary>
    public string? IdToken { get; init; }

    /// <summary>What the ID token and userinfo say of the person, each claim once.</summary>
    public IReadOnlyList<SessionClaim> Claims { get; init; } = [];

    /// <summary>The person's tokens as the token cache wrote them; opaque to the store, and to be kept as secret as a password.</summary>
    public string? Tokens { get; init; }

    /// <summary>The person as ASP.NET Core knows people: a claim that is a list is there once for each of its values.</summary>
    public ClaimsPrincipal ToPrincipal()
    {
        var identity = new ClaimsIdentity(Scheme, "name", "roles");
        foreach (var claim in Claims.SelectMany(claim => claim.Values())) identity.AddClaim(new Claim(claim.Type, claim.Value, claim.ValueType, Issuer));
        return new ClaimsPrincipal(identity);
    }

    /// <summary>Whose session it is; never a token.</summary>
    public override string ToString() => $"Session of {Subject} at {Issuer}";
}

/// <summary>One claim of a session.</summary>
/// <param name="Type">Its name, as in the token.</param>
/// <param name="Value">Its value; a list, an object or a number as JSON text.</param>
/// <param name="ValueType">One of <see cref="ClaimValueTypes"/>, or <c>JSON</c>.</param>
public sealed record SessionClaim(string Type, string Value, string ValueType = ClaimValueTypes.String)
{
    private const string Json = "JSON";

    /// <summary>The claim of a token or of userinfo; null for one without a value.</summary>
    internal static SessionClaim? From(string type, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => new(type, value.GetString()!),
        JsonValueKind.True or JsonValueKind.False => new(type, value.GetRawText(), ClaimValueTypes.Boolean),
        JsonValueKind.Number => new(type, value.GetRawText(), value.TryGetInt64(out _) ? ClaimValueTypes.Integer64 : ClaimValueTypes.Double),
        JsonValueKind.Object or JsonValueKind.Array => new(type, value.GetRawText(), Json),
        _ => null,
    };

    /// <summary>The values of a list, one claim for each; the claim itself if it is none.</summary>
    internal IEnumerable<SessionClaim> Values()
    {
        if (ValueType != Json || !Value.StartsWith('[')) return [this];
        return JsonElement.Parse(Value).EnumerateArray().Select(value => From(Type, value)).OfType<SessionClaim>();
    }
}
