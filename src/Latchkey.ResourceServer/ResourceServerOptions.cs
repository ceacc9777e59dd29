using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.ResourceServer.Authorization;
using Latchkey.ResourceServer.DPoP;
using Latchkey.ResourceServer.Introspection;
using Latchkey.ResourceServer.MutualTls;
using Latchkey.ResourceServer.Tokens;
using Latchkey.ResourceServer.TokenStatus;
using Latchkey.Verification.Providers;
using Microsoft.AspNetCore.Authentication;

namespace Latchkey.ResourceServer;

/// <summary>
/// What the guard of an API accepts. <see cref="Issuer"/> and <see cref="Resource"/> are all that most need; every default is the strict one.
/// </summary>
public sealed class ResourceServerOptions : AuthenticationSchemeOptions
{
    private Guard? _guard;

    /// <summary>The authorization server whose tokens are accepted: its issuer, byte for byte. https, or http on loopback.</summary>
    public string? Issuer { get; set; }

    /// <summary>Further authorization servers whose tokens are accepted. Keys of one never verify tokens of another (RFC 8725 section 3.8).</summary>
    public IList<string> Issuers { get; } = [];

    /// <summary>
    /// The identifier of this API (RFC 8707, RFC 9728): tokens must have it in <c>aud</c>. A bare origin counts with and without its trailing slash.
    /// </summary>
    public string? Resource { get; set; }

    /// <summary>Further names that <c>aud</c> may have for this API, such as one that it used to have.</summary>
    public IList<string> Audiences { get; } = [];

    /// <summary>
    /// Where clients reach this API: one or more base URLs that a request's path is appended to. The address of the protected resource metadata is made
    /// of the first, and DPoP proofs are compared with all; the Host header never counts. Unless set, it is the origin of <see cref="Resource"/>.
    /// </summary>
    public IList<string> Addresses { get; } = [];

    /// <summary>
    /// The algorithms that tokens may be signed with (RFC 8725 section 3.1); RS256, PS256, ES256 and Ed25519, which is <c>EdDSA</c> by its older name, unless set.
    /// </summary>
    public IList<string> Algorithms { get; } =
        [SigningAlgorithms.RS256, SigningAlgorithms.PS256, SigningAlgorithms.ES256, SigningAlgorithms.Ed25519, SigningAlgorithms.EdDSA];

    /// <summary>
    /// The types (<c>typ</c>) that access tokens may have; <c>at+jwt</c> unless set (RFC 9068 section 4). With <c>JWT</c> among them, ID tokens that
    /// name this API in <c>aud</c> would pass too: add it for a provider that can't do better, and only then.
    /// </summary>
    public IList<string> TokenTypes { get; } = [JwtTypes.AccessToken];

    /// <summary>The claims that a token must have as strings; <c>sub</c>, <c>client_id</c> and <c>jti</c> unless set (RFC 9068 section 2.2).</summary>
    public IList<string> RequiredClaims { get; } = [ClaimNames.Subject, ClaimNames.ClientId, ClaimNames.JwtId];

    /// <summary>How far the clocks of provider and API may differ: 30 seconds.</summary>
    public TimeSpan Skew { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The most characters that a token may have: 16,384.</summary>
    public int MaximumTokenLength { get; set; } = 16 * 1024;

    /// <summary>
    /// How many verified tokens are remembered, each from its second coming on, so that their signature need not be verified again: 10,000, some tens of
    /// megabytes at most. Their expiry, their key, their revocation and their binding are checked each time all the same. 0 remembers none.
    /// </summary>
    public int RememberedTokens { get; set; } = 10_000;

    /// <summary>
    /// Says whether a token was revoked before its expiry, for example by its <c>jti</c> or <c>sid</c>. Asked for every request, so it must be quick.
    /// Null, the default, for nobody to ask: a JWT then counts until it expires (RFC 7009 section 3), or until the status list that it names says otherwise.
    /// </summary>
    public Func<AccessTokenClaims, CancellationToken, ValueTask<bool>>? IsRevoked { get; set; }

    /// <summary>The scopes that this API knows, for its metadata; <c>offline_access</c> is none of them (RFC 9728 section 2).</summary>
    public IList<string> Scopes { get; } = [];

    /// <summary>
    /// Scopes that hold others at this API, such as <c>["api:write"] = ["api:read"]</c>, by any number of steps. What is implied stands in the caller's
    /// <c>scope</c> claim behind the token's own scopes, so endpoints, policies and <see cref="Caller.HasScope"/> need not know of it. Empty unless set.
    /// </summary>
    public IDictionary<string, IReadOnlyList<string>> ImpliedScopes { get; } = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);

    /// <summary>What people call this API, for its metadata; null for no name.</summary>
    public string? ResourceName { get; set; }

    /// <summary>Where developers read about this API, for its metadata; null for nowhere.</summary>
    public string? ResourceDocumentation { get; set; }

    /// <summary>Whether the token is kept in the authentication properties, for <c>GetTokenAsync("access_token")</c>: false. A token is never to be passed on.</summary>
    public bool SaveToken { get; set; }

    /// <summary>Tokens that are bound to a key (RFC 9449), and whether all must be.</summary>
    public DPoPOptions DPoP { get; } = new();

    /// <summary>Where the client certificate of tokens that are bound to one comes from (RFC 8705).</summary>
    public MutualTlsOptions MutualTls { get; } = new();

    /// <summary>Whether <see cref="Issuer"/> is asked about tokens (RFC 7662): opaque ones, or all of them so that revoked ones are found out.</summary>
    public IntrospectionOptions Introspection { get; } = new();

    /// <summary>How revoked tokens are found out by the list that they name (draft-ietf-oauth-status-list).</summary>
    public StatusListOptions StatusLists { get; } = new();

    /// <summary>How patiently the provider is asked, and how long its answers count.</summary>
    public ProviderOptions Provider { get; set; } = ProviderOptions.Default;

    /// <summary>Sends what goes to the provider; null, the default, for one that follows no redirects and keeps no cookies.</summary>
    public HttpMessageHandler? BackchannelHttpHandler { get; set; }

    /// <summary>All issuers, once each.</summary>
    internal IReadOnlyList<string> AllIssuers => [.. ((string[])[.. Issuer is null ? [] : (string[])[Issuer], .. Issuers]).Distinct(StringComparer.Ordinal)];

    /// <summary>What is made of the options when the first request comes, and lives as long as they do.</summary>
    internal Guard Guard => LazyInitializer.EnsureInitialized(ref _guard, () => new Guard(this));

    /// <inheritdoc />
    public override void Validate()
    {
        base.Validate();
        if (AllIssuers.Count == 0) throw Wrong("Issuer is missing; set it to the issuer of the authorization server, such as https://id.example.com.");
        foreach (var issuer in AllIssuers)
        {
            if (ProviderAddress.Judge(issuer) is { } refusal) throw Wrong(refusal.ToString());
        }

        if (string.IsNullOrEmpty(Resource)) throw Wrong("Resource is missing; set it to the identifier of this API, such as https://api.example.com.");
        if (!ResourceIndicator.IsWellFormed(Resource)) throw Wrong("Resource is not an absolute URI without a fragment (RFC 8707 section 2).");
        if (Scopes.Contains(Latchkey.Protocol.Names.Scopes.OfflineAccess)) throw Wrong("Scopes has offline_access, which is between client and authorization server; leave it out.");
        foreach (var address in Addresses)
        {
            if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https") || address.AsSpan().IndexOfAny("?#") >= 0)
                throw Wrong($"Addresses has {address}, which is no absolute http or https URL without query and fragment.");
        }

        foreach (var algorithm in Algorithms)
        {
            if (!SignatureAlgorithms.Supported.Contains(algorithm))
                throw Wrong($"Algorithms has {algorithm}; only these can be verified: {string.Join(", ", SignatureAlgorithms.Supported)}.");
        }

        if ((ScopeHierarchy.Fault(ImpliedScopes) ?? DPoP.Fault ?? MutualTls.Fault ?? Introspection.Fault ?? StatusLists.Fault) is { } fault) throw Wrong(fault);
        if (Introspection.Mode != IntrospectionMode.Off && Issuer is null) throw Wrong("Introspection asks Issuer, which is missing; set it.");
        if (Introspection.Mode == IntrospectionMode.AllTokens && AllIssuers.Count > 1)
            throw Wrong("Introspection.Mode is AllTokens, and only Issuer can be asked; leave Issuers empty, or give each issuer a scheme of its own.");
        if (Skew < TimeSpan.Zero || Skew > TimeSpan.FromMinutes(5)) throw Wrong("Skew is not between 0 and 5 minutes.");
    }

    private static InvalidOperationException Wrong(string sentence) => new($"The API guard's setting {sentence}");
}
