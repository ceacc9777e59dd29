using System.Net.Http.Headers;
using System.Text.Json;
using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;
using Latchkey.Verification.Providers;

namespace Latchkey.Client.Endpoints;

/// <summary>
/// Posts forms to the provider's endpoints with the client's credential, and with a DPoP proof where one is due: the one place from which a
/// secret ever leaves the program.
/// </summary>
internal sealed class EndpointCaller(LatchkeyClientOptions options, Provider provider, ProviderOptions limits, HttpClient http, TimeProvider clock, DPoPNonces nonces)
{
    // What must never come back to a log, should a provider repeat it in its error description.
    private static readonly HashSet<string> Secrets = new(StringComparer.Ordinal)
    {
        ParameterNames.Code, ParameterNames.ClientSecret, ParameterNames.ClientAssertion, ParameterNames.CodeVerifier, ParameterNames.RefreshToken,
        ParameterNames.DeviceCode, ParameterNames.Token, ParameterNames.Request, ParameterNames.SubjectToken, ParameterNames.ActorToken,
        ParameterNames.Assertion, ParameterNames.AuthReqId, ParameterNames.ClientNotificationToken, ParameterNames.LoginHintToken, ParameterNames.IdTokenHint, ParameterNames.UserCode,
    };

    public LatchkeyClientOptions Options => options;

    public Provider Provider => provider;

    public TimeProvider Clock => clock;

    public ProviderOptions Limits => limits;

    public HttpClient Http => http;

    public DPoPNonces Nonces => nonces;

    /// <summary>The provider's clock.</summary>
    public TheirClock TheirClock { get; } = new(clock);

    /// <summary>An endpoint that the issuer's own metadata names, checked; its alias for mutual TLS where the client has a certificate (RFC 8705 section 5).</summary>
    /// <param name="select">Takes it out of the metadata.</param>
    /// <param name="name">Its name in the metadata.</param>
    /// <param name="cancellationToken">Ends the exchange.</param>
    public async ValueTask<string> AddressAsync(Func<ServerMetadata, string?> select, string name, CancellationToken cancellationToken)
    {
        var metadata = await provider.MetadataAsync(cancellationToken).ConfigureAwait(false);
        var alias = options.TlsCertificate is null ? null : metadata.MtlsEndpointAliases?.GetValueOrDefault(name);
        return Endpoint.Require(alias ?? select(metadata), name, options.Issuer);
    }

    /// <summary>Posts a form; an OAuth error in the answer is thrown.</summary>
    /// <param name="address">One of the issuer's own endpoints.</param>
    /// <param name="form">The parameters but for the client's authentication.</param>
    /// <param name="prove">Whether a DPoP proof goes along, if the client has a key.</param>
    /// <param name="cancellationToken">Ends the exchange.</param>
    /// <returns>The answer, a success.</returns>
    /// <exception cref="OAuthException">The provider refused.</exception>
    /// <exception cref="ProviderException">The provider could not be reached or answered nonsense.</exception>
    public async Task<ProviderAnswer> PostAsync(string address, IReadOnlyList<KeyValuePair<string, string>> form, bool prove, CancellationToken cancellationToken)
    {
        var url = new Uri(address);
        var methods = (await provider.MetadataAsync(cancellationToken).ConfigureAwait(false)).TokenEndpointAuthMethodsSupported;
        for (var attempt = 1; ; attempt++)
        {
            // Anew for each sending: an assertion and a proof are good once.
            using var request = new HttpRequestMessage(HttpMethod.Post, url);
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
            var whole = new List<KeyValuePair<string, string>>(form);
            options.Credential.Apply(request, whole, new(options.ClientId, options.Issuer, clock.GetUtcNow(), methods));
            request.Content = new FormUrlEncodedContent(whole);
            if (prove && options.DPoPKey is { } key) AddProof(request, key);
            var answer = await ProviderHttp.SendAsync(http, request, limits, clock, cancellationToken).ConfigureAwait(false);
            TheirClock.Learn(answer.Headers.Date);
            var learnt = nonces.Learn(url, answer.Headers);
            if (answer.IsSuccess && !IsError(answer)) return answer;
            var error = Error(answer, whole, options.Credential);
            // RFC 9449 section 8: once more with the nonce, and only once, or a confused server has us in a circle.
            if (prove && options.DPoPKey is not null && learnt && attempt == 1 && error.Error == "use_dpop_nonce") continue;
            throw error;
        }
    }

    private void AddProof(HttpRequestMessage request, DPoPKey key)
    {
        var url = request.RequestUri!;
        var proof = DPoPProof.Create(key, request.Method.Method, url.AbsoluteUri, clock.GetUtcNow().ToUnixTimeSeconds(), accessToken: null, nonces.For(url));
        request.Headers.TryAddWithoutValidation(DPoPProof.HeaderName, proof);
    }

    /// <summary>Some providers answer errors with 200.</summary>
    private static bool IsError(ProviderAnswer answer) => answer.IsJson && answer.Body.Length > 0 && answer.Json.TryGetProperty(ParameterNames.Error, out _);

    private static OAuthException Error(ProviderAnswer answer, IReadOnlyList<KeyValuePair<string, string>> form, ClientCredential credential)
    {
        // HTML, an empty body, no JSON: the property throws the typed exception for it.
        var json = answer.Json;
        var code = Text(json, ParameterNames.Error);
        if (code is null || !ErrorText.IsCode(code)) throw ErrorText.NoCode(answer);
        var secrets = form.Where(pair => Secrets.Contains(pair.Key)).Select(pair => pair.Value).Append(credential.Hidden);
        return new OAuthException(code, ErrorText.Clean(Text(json, ParameterNames.ErrorDescription), secrets))
        {
            Status = answer.Status,
            RequestId = ErrorText.RequestId(answer.Headers),
            ErrorUri = ErrorText.Link(Text(json, "error_uri")),
            RetryAfter = answer.Headers.RetryAfter switch
            {
                { Delta: { } delta } => delta,
                // The provider's own clock, which its Date header shows, says how long that is.
                { Date: { } date } when answer.Headers.Date is { } now => date > now ? date - now : TimeSpan.Zero,
                _ => null,
            },
        };
    }

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
