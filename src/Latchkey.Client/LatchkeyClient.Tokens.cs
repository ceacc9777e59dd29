using Latchkey.Client.Authorization;
using Latchkey.Client.Backchannel;
using Latchkey.Client.Device;
using Latchkey.Client.Endpoints;
using Latchkey.Protocol.Names;

namespace Latchkey.Client;

// What is done with tokens once there are some, and the device flow.
public sealed partial class LatchkeyClient
{
    /// <summary>Starts a sign-in that a person confirms on another device (RFC 8628): for terminals, televisions and whatever has no browser.</summary>
    /// <param name="scope">The scopes, separated by spaces; those of the options if null.</param>
    /// <param name="resources">The APIs that tokens are for (RFC 8707); those of the options if null.</param>
    /// <param name="cancellationToken">Ends the exchange.</param>
    /// <returns>What to show the person, and how to wait for them.</returns>
    public async Task<DeviceAuthorization> StartDeviceAsync(string? scope = null, IReadOnlyList<string>? resources = null, CancellationToken cancellationToken = default)
    {
        scope ??= Options.Scope;
        var form = new List<KeyValuePair<string, string>>();
        if (!string.IsNullOrEmpty(scope)) form.Add(new(ParameterNames.Scope, scope));
        foreach (var resource in resources ?? [.. Options.Resources]) form.Add(new(ParameterNames.Resource, resource));
        var address = await _caller.AddressAsync(metadata => metadata.DeviceAuthorizationEndpoint, "device_authorization_endpoint", cancellationToken).ConfigureAwait(false);
        var answer = await _caller.PostAsync(address, form, prove: false, cancellationToken).ConfigureAwait(false);
        return new DeviceAuthorization(_tokens, _caller.Clock, DeviceAnswer.Read(answer.Json), scope);
    }

    /// <summary>Asks a person who is elsewhere (OpenID Connect CIBA Core section 7). The client must be registered for it.</summary>
    /// <param name="parameters">Whom, and what for.</param>
    /// <param name="cancellationToken">Ends the exchange.</param>
    /// <returns>How to wait for what they say.</returns>
    /// <exception cref="OAuthException"><c>unknown_user_id</c>: the hint names nobody; or whatever else the provider says.</exception>
    public async Task<BackchannelAuthentication> StartBackchannelAsync(BackchannelParameters parameters, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        var scope = parameters.Scope ?? Options.Scope;
        var form = new List<KeyValuePair<string, string>>();
        foreach (var (name, value) in (ReadOnlySpan<(string, string?)>)[
            (ParameterNames.Scope, scope), (ParameterNames.LoginHint, parameters.LoginHint), (ParameterNames.IdTokenHint, parameters.IdTokenHint),
            (ParameterNames.LoginHintToken, parameters.LoginHintToken), (ParameterNames.BindingMessage, parameters.BindingMessage),
            (ParameterNames.AcrValues, parameters.AcrValues), (ParameterNames.ClientNotificationToken, parameters.NotificationToken),
            (ParameterNames.UserCode, parameters.UserCode),
            (ParameterNames.RequestedExpiry, parameters.RequestedExpiry is { } expiry ? ((long)expiry.TotalSeconds).ToString(System.Globalization.CultureInfo.InvariantCulture) : null)])
        {
            if (!string.IsNullOrEmpty(value)) form.Add(new(name, value));
        }

        foreach (var resource in parameters.Resources ?? [.. Options.Resources]) form.Add(new(ParameterNames.Resource, resource));
        // All of it signed, and nothing beside it but who asks.
        if (Options.BackchannelRequestKey is { } key)
            form = [new(ParameterNames.Request, RequestObject.Create(key, new(Options.ClientId, Options.Issuer, _caller.Clock.GetUtcNow()), form))];
        var address = await _caller.AddressAsync(metadata => metadata.BackchannelAuthenticationEndpoint, "backchannel_authentication_endpoint", cancellationToken).ConfigureAwait(false);
        var answer = await _caller.PostAsync(address, form, prove: false, cancellationToken).ConfigureAwait(false);
        return new BackchannelAuthentication(_tokens, _caller.Clock, answer.Json, scope);
    }

    /// <summary>
    /// Ends a token (RFC 7009). A refresh token ends its grant; access tokens that an API checks by itself stay good there until they expire.
    /// Revoking what is unknown or over succeeds.
    /// </summary>
    /// <param name="token">The refresh token, or the value of an access token.</param>
    /// <param name="typeHint">What it is: <see cref="TokenTypes.RefreshToken"/> or <see cref="TokenTypes.AccessToken"/>.</param>
    /// <param name="cancellationToken">Ends the exchange.</param>
    public async Task RevokeAsync(string token, string typeHint = TokenTypes.RefreshToken, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(token);
        var address = await _caller.AddressAsync(metadata => metadata.RevocationEndpoint, "revocation_endpoint", cancellationToken).ConfigureAwait(false);
        await _caller.PostAsync(address, [new(ParameterNames.Token, token), new(ParameterNames.TokenTypeHint, typeHint)], prove: false, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Asks the provider whether a token is good, and what it says (RFC 7662). The client must be allowed to.</summary>
    /// <param name="token">The token.</param>
    /// <param name="typeHint">What it is; null if that is not known.</param>
    /// <param name="cancellationToken">Ends the exchange.</param>
    public async Task<TokenIntrospection> IntrospectAsync(string token, string? typeHint = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(token);
        var address = await _caller.AddressAsync(metadata => metadata.IntrospectionEndpoint, "introspection_endpoint", cancellationToken).ConfigureAwait(false);
        List<KeyValuePair<string, string>> form = [new(ParameterNames.Token, token)];
        if (typeHint is not null) form.Add(new(ParameterNames.TokenTypeHint, typeHint));
        var answer = await _caller.PostAsync(address, form, prove: false, cancellationToken).ConfigureAwait(false);
        return TokenIntrospection.Read(answer.Json);
    }

    /// <summary>What the provider says of the person (OpenID Connect Core section 5.3). The answer's <c>sub</c> must be that of the ID token.</summary>
    /// <param name="tokens">Tokens of a sign-in with <c>openid</c>.</param>
    /// <param name="cancellationToken">Ends the exchange.</param>
    /// <exception cref="OAuthException">The answer is about somebody else, or the provider refused the token.</exception>
    public Task<UserInfo> UserInfoAsync(TokenSet tokens, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        if (tokens.IdToken is null)
            throw new ArgumentException("Without an ID token nobody can say whom userinfo must be about; ask for the scope openid.", nameof(tokens));
        return UserInfoAsync(tokens.AccessToken, tokens.IdToken.Subject, cancellationToken);
    }

    /// <summary>The same for an access token whose person is known.</summary>
    /// <param name="token">An access token with <c>openid</c>.</param>
    /// <param name="subject">The <c>sub</c> of the ID token: the answer must be about the same person (OpenID Connect Core section 5.3.2).</param>
    /// <param name="cancellationToken">Ends the exchange.</param>
    public Task<UserInfo> UserInfoAsync(AccessToken token, string subject, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(subject);
        return UserInfoRequest.SendAsync(_caller, token, subject, cancellationToken);
    }

    /// <summary>
    /// The same for a token that came without an ID token, as some providers give one to devices: the answer is the first to say whose it is. It tells a program
    /// on the person's own machine whom it serves; it is no sign-in to an app that serves many, where a token meant for another app would do as well.
    /// </summary>
    /// <param name="token">An access token with <c>openid</c>.</param>
    /// <param name="cancellationToken">Ends the exchange.</param>
    public Task<UserInfo> UserInfoAsync(AccessToken token, CancellationToken cancellationToken = default) =>
        UserInfoRequest.SendAsync(_caller, token, subject: null, cancellationToken);

    /// <summary>
    /// Where to send the browser to end the provider's session (RP-Initiated Logout 1.0 section 2). End your own session first.
    /// </summary>
    /// <param name="idToken">The ID token of the session: with it the provider need not ask the person. Null has it ask.</param>
    /// <param name="state">Comes back to the post-logout redirect URI; null for none.</param>
    /// <param name="postLogoutRedirectUri">Where the person goes then, as registered; that of the options if null.</param>
    /// <param name="cancellationToken">Ends the exchange.</param>
    /// <returns>The address, or null if the provider offers no such logout.</returns>
    public async Task<Uri?> LogoutUrlAsync(IdToken? idToken = null, string? state = null, string? postLogoutRedirectUri = null, CancellationToken cancellationToken = default)
    {
        var metadata = await Provider.MetadataAsync(cancellationToken).ConfigureAwait(false);
        if (metadata.EndSessionEndpoint is null) return null;
        var endpoint = Endpoint.Require(metadata.EndSessionEndpoint, "end_session_endpoint", Options.Issuer);
        List<KeyValuePair<string, string>> query = [new(ParameterNames.ClientId, Options.ClientId)];
        if (idToken is not null) query.Add(new(ParameterNames.IdTokenHint, idToken.Value));
        if ((postLogoutRedirectUri ?? Options.PostLogoutRedirectUri) is { } back)
        {
            query.Add(new(ParameterNames.PostLogoutRedirectUri, back));
            if (state is not null) query.Add(new(ParameterNames.State, state));
        }

        return new Uri(Protocol.RedirectUri.WithQuery(endpoint, Query.Encode(query)));
    }

    /// <summary>
    /// Signs out at the provider: revokes the refresh token, and says where to send the browser so that the provider's session ends too.
    /// End your own session first; a provider that is away does not keep anybody signed in.
    /// </summary>
    /// <param name="tokens">The session's tokens.</param>
    /// <param name="state">Comes back to the post-logout redirect URI; null for none.</param>
    /// <param name="postLogoutRedirectUri">Where the person goes then, as registered; that of the options if null.</param>
    /// <param name="cancellationToken">Ends the exchange.</param>
    /// <returns>What was done. Failures are in it, not thrown.</returns>
    public async Task<SignOutResult> SignOutAsync(TokenSet tokens, string? state = null, string? postLogoutRedirectUri = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        Exception? fault = null;
        Uri? url = null;
        try
        {
            if (tokens.RefreshToken is not null) await RevokeAsync(tokens.RefreshToken, TokenTypes.RefreshToken, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is OAuthException or Verification.Providers.ProviderException)
        {
            fault = exception;
        }

        try
        {
            url = await LogoutUrlAsync(tokens.IdToken, state, postLogoutRedirectUri, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is OAuthException or Verification.Providers.ProviderException)
        {
            fault ??= exception;
        }

        return new SignOutResult(url, fault);
    }

    /// <summary>
    /// Puts a token on a request to an API: the Authorization header in the token's scheme and, for a DPoP token, a fresh proof with <c>ath</c>
    /// and the last nonce of that API (RFC 9449 sections 7 and 9). Call it for each sending, also for a retry.
    /// </summary>
    /// <param name="request">The request, with an absolute address: https, or http on loopback.</param>
    /// <param name="token">The token.</param>
    /// <exception cref="InvalidOperationException">The address is none that a token may be sent to, or the token is bound to another key.</exception>
    public void Attach(HttpRequestMessage request, AccessToken token) => ResourceRequest.Attach(_caller, request, token);

    /// <summary>
    /// Remembers the DPoP nonce of an API's answer, and tells whether the API wants the request again with it (RFC 9449 section 9):
    /// then <see cref="Attach"/> and send once more, once.
    /// </summary>
    /// <param name="request">The request as it was sent.</param>
    /// <param name="response">The answer.</param>
    /// <returns>True if it is worth sending again.</returns>
    public bool TakeNonce(HttpRequestMessage request, HttpResponseMessage response) => ResourceRequest.TakeNonce(_caller, request, response);
}
