using System.Security.Cryptography;
using System.Text.Json;
using Latchkey.Protocol.Messages;

namespace Latchkey.Verification.Providers;

/// <summary>
/// An authorization server as others see it: its metadata and its keys, found from nothing but its issuer. One for each issuer, shared by whoever
/// deals with it, safe for any number of threads. Making one does no I/O: metadata and keys are read when they are first needed.
/// </summary>
public sealed class Provider
{
    private readonly HttpClient _http;
    private readonly TimeProvider _clock;
    private readonly ProviderOptions _options;
    private readonly RenewedDocument<ServerMetadata> _metadata;

    /// <summary>Names a provider.</summary>
    /// <param name="issuer">Its issuer, byte for byte: https, or http on loopback.</param>
    /// <param name="http">Sends the requests; its handler should be that of <see cref="ProviderHttp.CreateHandler"/>.</param>
    /// <param name="clock">The clock of lifetimes and limits.</param>
    /// <param name="options">Lifetimes and limits; null for the defaults.</param>
    /// <exception cref="ProviderException">The issuer is malformed, or http outside loopback (RFC 8414 section 2).</exception>
    public Provider(string issuer, HttpClient http, TimeProvider clock, ProviderOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(issuer);
        if (ProviderAddress.Judge(issuer) is { } refusal) throw new ProviderException(refusal);
        Issuer = issuer;
        _http = http;
        _clock = clock;
        _options = options ?? ProviderOptions.Default;
        _metadata = new(ReadMetadataAsync, clock, _options);
        Keys = new(this, clock, _options);
    }

    /// <summary>Names a provider whose keys are known to be at an address, so that no metadata is read; it may have none.</summary>
    /// <param name="issuer">Its issuer, byte for byte: any absolute address.</param>
    /// <param name="jwksUri">Where its keys are: https, or http on loopback.</param>
    /// <param name="http">As in the constructor.</param>
    /// <param name="clock">As in the constructor.</param>
    /// <param name="options">As in the constructor.</param>
    public static Provider WithKeysAt(string issuer, string jwksUri, HttpClient http, TimeProvider clock, ProviderOptions? options = null) =>
        new(issuer, new ServerMetadata { Issuer = issuer, JwksUri = jwksUri }, null, http, clock, options);

    /// <summary>Names a provider whose keys are known, so that it is never asked.</summary>
    /// <param name="issuer">Its issuer, byte for byte.</param>
    /// <param name="jwks">Its keys, a JWK set (RFC 7517 section 5).</param>
    /// <param name="http">As in the constructor.</param>
    /// <param name="clock">As in the constructor.</param>
    public static Provider WithKeys(string issuer, JsonElement jwks, HttpClient http, TimeProvider clock) =>
        new(issuer, new ServerMetadata { Issuer = issuer }, jwks, http, clock, null);

    private Provider(string issuer, ServerMetadata metadata, JsonElement? jwks, HttpClient http, TimeProvider clock, ProviderOptions? options)
    {
        Issuer = issuer;
        Jwks = jwks;
        _http = http;
        _clock = clock;
        _options = options ?? ProviderOptions.Default;
        _metadata = new(() => Task.FromResult(new Copy<ServerMetadata>(metadata, DateTimeOffset.MaxValue, DateTimeOffset.MaxValue)), clock, _options);
        Keys = new(this, clock, _options);
    }

    /// <summary>The issuer, as it was given.</summary>
    public string Issuer { get; }

    /// <summary>Its keys where they were given; null where they are read.</summary>
    internal JsonElement? Jwks { get; }

    /// <summary>The keys that the provider signs with.</summary>
    public ProviderKeys Keys { get; }

    /// <summary>
    /// The provider's metadata: by OpenID Connect Discovery section 4, else by RFC 8414 section 3. Its <c>issuer</c> is the one asked for, as a string.
    /// </summary>
    /// <param name="cancellationToken">Ends the waiting, not the reading: others may wait for it too.</param>
    /// <exception cref="ProviderException">It can't be had, and no copy of it is young enough.</exception>
    public ValueTask<ServerMetadata> MetadataAsync(CancellationToken cancellationToken = default) => _metadata.GetAsync(cancellationToken);

    /// <summary>The issuer.</summary>
    public override string ToString() => Issuer;

    /// <summary>Reads a document of the provider by GET.</summary>
    internal async Task<ProviderAnswer> GetAsync(string address)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || !ProviderAddress.IsSecure(uri)) throw ProviderRefusals.InsecureEndpoint(Issuer, address);
        using var request = new HttpRequestMessage(HttpMethod.Get, uri);
        request.Headers.Accept.ParseAdd("application/json");
        return await ProviderHttp.SendAsync(_http, request, _options, _clock, CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>A moment in the second half of a lifetime, so that the nodes of an application don't ask all at once.</summary>
    internal static DateTimeOffset RenewAt(DateTimeOffset now, TimeSpan lifetime) =>
        now + (lifetime * (0.5 + (RandomNumberGenerator.GetInt32(0, 1000) / 2000.0)));

    private async Task<Copy<ServerMetadata>> ReadMetadataAsync()
    {
        ProviderException? failure = null;
        foreach (var address in ProviderAddress.MetadataOf(Issuer))
        {
            var answer = await GetAsync(address).ConfigureAwait(false);
            if (answer.IsSuccess)
            {
                if (Read(answer, ref failure) is not { } json) continue;
                if (MetadataReader.Issuer(json) is var issuer && issuer != Issuer) throw ProviderRefusals.OtherIssuer(Issuer, issuer, address);
                var now = _clock.GetUtcNow();
                return new(MetadataReader.Read(json), RenewAt(now, _options.MetadataLifetime), now + _options.MetadataLifetime);
            }

            // Not found here is no fault: the next form may be the provider's. A server that is down is down for every form.
            var status = ProviderRefusals.Status(answer);
            if (status.IsTransient) throw status;
            if (answer.Status is not 404) failure ??= status;
        }

        throw failure ?? ProviderRefusals.NoMetadata(Issuer);
    }

    // Some servers answer every address with a page and 200: the next form may still be JSON.
    private static JsonElement? Read(ProviderAnswer answer, ref ProviderException? failure)
    {
        try
        {
            return answer.Json;
        }
        catch (ProviderException exception)
        {
            failure ??= exception;
            return null;
        }
    }
}
