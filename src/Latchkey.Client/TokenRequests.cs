using Latchkey.Client.Authorization;
using Latchkey.Client.Endpoints;
using Latchkey.Protocol.Names;

namespace Latchkey.Client;

/// <summary>The requests to the token endpoint, one method for each grant.</summary>
internal sealed class TokenRequests(EndpointCaller caller, IdTokenVerifier idTokens)
{
    /// <summary>OAuth 2.1 section 4.2.</summary>
    public async Task<TokenSet> ClientCredentialsAsync(string? scope, IReadOnlyList<string>? resources, CancellationToken cancellationToken)
    {
        scope ??= caller.Options.Scope;
        var form = Form(GrantTypes.ClientCredentials, scope, resources ?? [.. caller.Options.Resources]);
        var answer = await SendAsync(form, scope, mayBeOther: false, cancellationToken).ConfigureAwait(false);
        // A refresh token has no place here (OAuth 2.1 section 4.2.3): there is nobody to ask again.
        return new TokenSet { AccessToken = answer.AccessToken };
    }

    /// <summary>OAuth 2.1 section 4.3.</summary>
    public async Task<TokenSet> RefreshAsync(
        string refreshToken, IdToken? previous, string? scope, IReadOnlyList<string>? resources, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(refreshToken);
        var form = Form(GrantTypes.RefreshToken, scope, resources ?? [.. caller.Options.Resources]);
        form.Add(new(ParameterNames.RefreshToken, refreshToken));
        var answer = await SendAsync(form, scope ?? caller.Options.Scope, mayBeOther: false, cancellationToken).ConfigureAwait(false);
        var idToken = answer.IdToken is null
            ? previous
            : await idTokens.VerifyRefreshedAsync(answer.IdToken, previous, answer.AccessToken.Value, cancellationToken).ConfigureAwait(false);
        // None in the answer means that the old one stays good (RFC 6749 section 6).
        return new TokenSet { AccessToken = answer.AccessToken, RefreshToken = answer.RefreshToken ?? refreshToken, IdToken = idToken };
    }

    /// <summary>OAuth 2.1 section 4.1.3: the code of a sign-in whose callback has passed every check.</summary>
    public async Task<TokenSet> RedeemAsync(AuthorizationTransaction transaction, string code, CancellationToken cancellationToken)
    {
        var form = Form(GrantTypes.AuthorizationCode, scope: null, transaction.Resources);
        form.Add(new(ParameterNames.Code, code));
        form.Add(new(ParameterNames.RedirectUri, transaction.RedirectUri));
        form.Add(new(ParameterNames.CodeVerifier, transaction.CodeVerifier));
        var answer = await SendAsync(form, transaction.Scope, mayBeOther: false, cancellationToken).ConfigureAwait(false);
        return new TokenSet
        {
            AccessToken = answer.AccessToken,
            RefreshToken = answer.RefreshToken,
            IdToken = await SignedInAsync(answer, transaction, cancellationToken).ConfigureAwait(false),
        };
    }

    /// <summary>RFC 8628 section 3.4.</summary>
    public async Task<TokenSet> PollAsync(string deviceCode, string? scope, CancellationToken cancellationToken)
    {
        var form = Form(GrantTypes.DeviceCode, scope: null, resources: []);
        form.Add(new(ParameterNames.DeviceCode, deviceCode));
        var answer = await SendAsync(form, scope, mayBeOther: false, cancellationToken).ConfigureAwait(false);
        return new TokenSet
        {
            AccessToken = answer.AccessToken,
            RefreshToken = answer.RefreshToken,
            // No browser answer, no nonce: the device code ties the token to this device. OpenID Connect says nothing of devices, so there may be none.
            IdToken = answer.IdToken is null
                ? null
                : await idTokens.VerifyAsync(answer.IdToken, nonce: null, maxAge: null, answer.AccessToken.Value, cancellationToken).ConfigureAwait(false),
        };
    }

    /// <summary>OpenID Connect CIBA Core section 10.1.</summary>
    public async Task<TokenSet> CibaAsync(string requestId, string? scope, CancellationToken cancellationToken)
    {
        var form = Form(GrantTypes.Ciba, scope: null, resources: []);
        form.Add(new(ParameterNames.AuthReqId, requestId));
        var answer = await SendAsync(form, scope, mayBeOther: false, cancellationToken).ConfigureAwait(false);
        return new TokenSet
        {
            AccessToken = answer.AccessToken,
            RefreshToken = answer.RefreshToken,
            // CIBA is for OpenID Connect: who asked whom builds on knowing who answered.
            IdToken = await idTokens.VerifyAsync(
                answer.IdToken ?? throw new OAuthException(ClientRefusals.IdTokenMissing()), nonce: null, maxAge: null, answer.AccessToken.Value, cancellationToken).ConfigureAwait(false),
        };
    }

    /// <summary>RFC 7523 section 2.1.</summary>
    public async Task<TokenSet> JwtBearerAsync(string assertion, string? scope, IReadOnlyList<string>? resources, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(assertion);
        scope ??= caller.Options.Scope;
        var form = Form(GrantTypes.JwtBearer, scope, resources ?? [.. caller.Options.Resources]);
        form.Add(new(ParameterNames.Assertion, assertion));
        var answer = await SendAsync(form, scope, mayBeOther: false, cancellationToken).ConfigureAwait(false);
        return new TokenSet { AccessToken = answer.AccessToken, RefreshToken = answer.RefreshToken };
    }

    /// <summary>RFC 8693.</summary>
    public async Task<TokenSet> ExchangeAsync(TokenExchange exchange, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(exchange);
        ArgumentException.ThrowIfNullOrEmpty(exchange.SubjectToken);
        var scope = exchange.Scope ?? caller.Options.Scope;
        var form = Form(TokenExchange.GrantType, scope, exchange.Resources ?? [.. caller.Options.Resources]);
        form.Add(new(ParameterNames.SubjectToken, exchange.SubjectToken));
        form.Add(new(ParameterNames.SubjectTokenType, exchange.SubjectTokenType));
        foreach (var audience in exchange.Audiences) form.Add(new(ParameterNames.Audience, audience));
        if (exchange.ActorToken is not null)
        {
            form.Add(new(ParameterNames.ActorToken, exchange.ActorToken));
            form.Add(new(ParameterNames.ActorTokenType, exchange.ActorTokenType));
        }

        if (exchange.RequestedTokenType is not null) form.Add(new(ParameterNames.RequestedTokenType, exchange.RequestedTokenType));
        var answer = await SendAsync(form, scope, mayBeOther: true, cancellationToken).ConfigureAwait(false);
        return new TokenSet
        {
            AccessToken = answer.AccessToken,
            RefreshToken = answer.RefreshToken,
            IssuedTokenType = answer.IssuedTokenType ?? throw new OAuthException(ClientRefusals.IssuedTypeMissing()),
        };
    }

    private async ValueTask<IdToken?> SignedInAsync(TokenAnswer answer, AuthorizationTransaction transaction, CancellationToken cancellationToken)
    {
        if (answer.IdToken is not null)
            return await idTokens.VerifyAsync(answer.IdToken, transaction.Nonce, transaction.MaxAge, answer.AccessToken.Value, cancellationToken).ConfigureAwait(false);
        // Who asked for openid builds on knowing who signed in: no ID token is an answer to something else.
        return Protocol.ScopeSet.Parse(answer.AccessToken.Scope) is { Error: null, Value: var granted } && granted.Contains(Scopes.OpenId)
            ? throw new OAuthException(ClientRefusals.IdTokenMissing())
            : null;
    }

    private async Task<TokenAnswer> SendAsync(List<KeyValuePair<string, string>> form, string? scope, bool mayBeOther, CancellationToken cancellationToken)
    {
        var address = await caller.AddressAsync(metadata => metadata.TokenEndpoint, "token_endpoint", cancellationToken).ConfigureAwait(false);
        var answer = await caller.PostAsync(address, form, prove: true, cancellationToken).ConfigureAwait(false);
        return TokenAnswer.Read(answer.Json, scope, caller.Options.DPoPKey?.Thumbprint, caller.Clock.GetUtcNow(), mayBeOther);
    }

    private static List<KeyValuePair<string, string>> Form(string grantType, string? scope, IReadOnlyList<string> resources)
    {
        var form = new List<KeyValuePair<string, string>>(8) { new(ParameterNames.GrantType, grantType) };
        if (!string.IsNullOrEmpty(scope)) form.Add(new(ParameterNames.Scope, scope));
        foreach (var resource in resources) form.Add(new(ParameterNames.Resource, resource));
        return form;
    }
}
