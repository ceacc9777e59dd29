using System.Collections.Concurrent;
using Latchkey.Protocol.Messages;
using Latchkey.Verification.Providers;

namespace Latchkey.Server.Token;

/// <summary>
/// The trusted issuers as they are asked for their keys: keys are cached, renewed before they are out of date, and read again for an unknown key id, under
/// a cooldown. No redirects, 10 seconds, 1 MiB.
/// </summary>
internal sealed class TrustedProviders(TimeProvider clock) : IDisposable
{
    // Only what an operator declared gets in, so that it stays small.
    private readonly ConcurrentDictionary<(string Issuer, string? JwksUri, string? Jwks), Provider> _providers = [];
    private readonly HttpClient _http = new(ProviderHttp.CreateHandler());

    /// <summary>The provider of an issuer, the same one as long as its keys are declared the same.</summary>
    public Provider Of(TrustedIssuer issuer) => _providers.GetOrAdd(
        (issuer.Issuer, issuer.JwksUri, issuer.Jwks?.GetRawText()),
        _ => issuer.Jwks is { } jwks ? Provider.WithKeys(issuer.Issuer, jwks, _http, clock)
            : issuer.JwksUri is { } uri ? Provider.WithKeysAt(issuer.Issuer, uri, _http, clock)
            : new Provider(issuer.Issuer, _http, clock));

    /// <inheritdoc />
    public void Dispose() => _http.Dispose();
}
