using Latchkey.Client.Authorization;
using Latchkey.Client.Endpoints;
using Latchkey.Client.Hosting;
using Latchkey.Protocol;
using Latchkey.Verification.Providers;

namespace Latchkey.Client;

/// <summary>
/// One client at one provider: every flow of OAuth 2.1 and OpenID Connect, with every check of its answers. Needs no dependency injection,
/// may be shared by any number of threads, and does no I/O before it is first asked for something.
/// Time limits and sizes of all exchanges are bounded. Methods throw <see cref="OAuthException"/> when the provider refuses or a check fails,
/// and <see cref="ProviderException"/> when it can't be reached or answers what no provider may.
/// </summary>
public sealed partial class LatchkeyClient : IDisposable
{
    private readonly EndpointCaller _caller;
    private readonly TokenRequests _tokens;
    private readonly AuthorizationRequests _authorization;
    private readonly AuthorizationAnswers _answers;
    private readonly HttpClient? _own;

    /// <summary>A client that sends by an <see cref="HttpClient"/> of yours.</summary>
    /// <param name="options">Who the client is. Not to be changed afterwards.</param>
    /// <param name="http">Sends the requests; its handler should be that of <see cref="ProviderHttp.CreateHandler"/>, which follows no redirects.</param>
    /// <param name="clock">The clock; the system's if null.</param>
    /// <param name="provider">The provider, to share its metadata and keys with others; its own if null.</param>
    /// <param name="limits">Limits of time and size; the defaults if null.</param>
    /// <exception cref="ArgumentException">The options are wrong; the message says what and how to mend it.</exception>
    public LatchkeyClient(LatchkeyClientOptions options, HttpClient http, TimeProvider? clock = null, Provider? provider = null, ProviderOptions? limits = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(http);
        var faults = options.Faults();
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults), nameof(options));
        if (provider is not null && provider.Issuer != options.Issuer)
            throw new ArgumentException($"The provider is {provider.Issuer} but the options' Issuer is {options.Issuer}; they must be the same string.", nameof(provider));
        clock ??= TimeProvider.System;
        limits ??= ProviderOptions.Default;
        Options = options;
        Provider = provider ?? new Provider(options.Issuer, http, clock, limits);
        _caller = new(options, Provider, limits, http, clock, new());
        var idTokens = new IdTokenVerifier(_caller);
        _tokens = new(_caller, idTokens);
        _authorization = new(_caller);
        _answers = new(_caller, _tokens);
    }

    /// <summary>A client that makes its own connections: redirects are not followed, TLS is verified, a certificate credential is presented.</summary>
    /// <param name="options">Who the client is. Not to be changed afterwards.</param>
    /// <param name="clock">The clock; the system's if null.</param>
    /// <exception cref="ArgumentException">The options are wrong; the message says what and how to mend it.</exception>
    public LatchkeyClient(LatchkeyClientOptions options, TimeProvider? clock = null)
        : this(options, OwnConnections(options), clock) => _own = _caller.Http;

    /// <summary>Who the client is.</summary>
    public LatchkeyClientOptions Options { get; }

    /// <summary>
    /// How far the provider's clock is ahead of this machine's, to about a second, by the <c>Date</c> of its last answer to a form; negative if it is
    /// behind, null before there was one. A refused ID token says so too, where that is why.
    /// </summary>
    public TimeSpan? ProviderClockOffset => _caller.TheirClock.Offset;

    /// <summary>The provider, its metadata and keys.</summary>
    public Provider Provider { get; }

    /// <summary>The clock that all of the client goes by.</summary>
    internal TimeProvider Clock => _caller.Clock;

    /// <summary>The nonces that providers and APIs gave for DPoP proofs.</summary>
    internal DPoPNonces Nonces => _caller.Nonces;

    /// <summary>
    /// Starts a sign-in by the authorization code flow (OAuth 2.1 section 4.1): fresh state, PKCE verifier and, with <c>openid</c>, nonce each
    /// time; the request is pushed (RFC 9126) where the provider can take it, and signed (RFC 9101) when the options say so.
    /// </summary>
    /// <param name="parameters">What this sign-in asks for beyond the options; null for nothing.</param>
    /// <param name="cancellationToken">Ends the exchange.</param>
    /// <returns>Where to send the browser, and what to keep for the callback.</returns>
    /// <exception cref="ArgumentException">There is no redirect URI, or a parameter is wrong.</exception>
    public Task<AuthorizationStart> StartAuthorizationAsync(AuthorizationParameters? parameters = null, CancellationToken cancellationToken = default) =>
        _authorization.StartAsync(parameters ?? new(), cancellationToken);

    /// <summary>
    /// Completes a sign-in with what came to the redirect URI. The checks in their order: the transaction is unused, unexpired and this browser's;
    /// no parameter twice; the signed answer, if one was asked for; <c>state</c> in fixed time; <c>iss</c> (RFC 9207). Only then is an error of
    /// the provider believed, and the code redeemed; the ID token is verified by OpenID Connect Core section 3.1.3.7.
    /// </summary>
    /// <param name="transaction">What <see cref="StartAuthorizationAsync"/> returned. It is good once.</param>
    /// <param name="callback">The parameters of the query, or of the form with <c>form_post</c>; <see cref="Parameters.Parse(string?)"/> makes them.</param>
    /// <param name="sessionBinding">This browser's session, as given at the start; null if none was.</param>
    /// <param name="cancellationToken">Ends the exchange.</param>
    /// <returns>The tokens.</returns>
    /// <exception cref="OAuthException">A check failed, or the provider said no, for example <c>access_denied</c>.</exception>
    public Task<TokenSet> CompleteAuthorizationAsync(
        AuthorizationTransaction transaction, Parameters callback, string? sessionBinding = null, CancellationToken cancellationToken = default) =>
        _answers.CompleteAsync(transaction, callback, sessionBinding, cancellationToken);

    /// <summary>A token for the client itself (OAuth 2.1 section 4.2). Asks the provider each time: keep the token until it expires.</summary>
    /// <param name="scope">The scopes, separated by spaces; those of the options if null.</param>
    /// <param name="resource">The API that the token is for (RFC 8707); those of the options if null.</param>
    /// <param name="cancellationToken">Ends the exchange.</param>
    /// <returns>The token; there is no refresh token.</returns>
    public Task<TokenSet> ClientCredentialsAsync(string? scope = null, string? resource = null, CancellationToken cancellationToken = default) =>
        _tokens.ClientCredentialsAsync(scope, resource is null ? null : [resource], cancellationToken);

    /// <summary>Fresh tokens for a refresh token (OAuth 2.1 section 4.3).</summary>
    /// <param name="refreshToken">The refresh token.</param>
    /// <param name="previous">The ID token from before, which a refreshed one must agree with (OpenID Connect Core section 12.2); null without one.</param>
    /// <param name="scope">Fewer scopes than were granted, separated by spaces; null for all.</param>
    /// <param name="resources">The APIs that the access token is for (RFC 8707); those of the options if null.</param>
    /// <param name="cancellationToken">Ends the exchange.</param>
    /// <returns>The tokens. <see cref="TokenSet.RefreshToken"/> is the one to use from now on: save it before anything else.</returns>
    /// <exception cref="OAuthException"><c>invalid_grant</c>: the grant is over, the person has to sign in again.</exception>
    public Task<TokenSet> RefreshAsync(
        string refreshToken, IdToken? previous = null, string? scope = null, IReadOnlyList<string>? resources = null, CancellationToken cancellationToken = default) =>
        _tokens.RefreshAsync(refreshToken, previous, scope, resources, cancellationToken);

    /// <summary>A token for a token (RFC 8693).</summary>
    /// <param name="exchange">Which for which.</param>
    /// <param name="cancellationToken">Ends the exchange.</param>
    /// <returns>The new token; <see cref="TokenSet.IssuedTokenType"/> says what it is.</returns>
    public Task<TokenSet> ExchangeAsync(TokenExchange exchange, CancellationToken cancellationToken = default) =>
        _tokens.ExchangeAsync(exchange, cancellationToken);

    /// <summary>A token for a JWT of somebody whom the provider trusts (RFC 7523 section 2.1): of a platform for its workload, or of a company's identity provider.</summary>
    /// <param name="assertion">The JWT.</param>
    /// <param name="scope">The scopes, separated by spaces; those of the options if null.</param>
    /// <param name="resources">The APIs that the token is for (RFC 8707); those of the options if null.</param>
    /// <param name="cancellationToken">Ends the exchange.</param>
    /// <returns>The token.</returns>
    /// <exception cref="OAuthException"><c>invalid_grant</c>: the provider does not take the JWT, or has seen it before.</exception>
    public Task<TokenSet> JwtBearerAsync(
        string assertion, string? scope = null, IReadOnlyList<string>? resources = null, CancellationToken cancellationToken = default) =>
        _tokens.JwtBearerAsync(assertion, scope, resources, cancellationToken);

    /// <summary>Closes the connections if they are the client's own.</summary>
    public void Dispose() => _own?.Dispose();

    /// <summary>Which client at which issuer.</summary>
    public override string ToString() => Options.ToString();

    private static HttpClient OwnConnections(LatchkeyClientOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new HttpClient(ClientHandler.Create(options), disposeHandler: true);
    }
}
