using System.Globalization;
using System.Text.Json;
using Latchkey.Client.Endpoints;
using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;

namespace Latchkey.Client.Authorization;

/// <summary>Makes authorization requests: plain (OAuth 2.1 section 4.1.1), signed (RFC 9101), pushed (RFC 9126), or both.</summary>
internal sealed class AuthorizationRequests(EndpointCaller caller)
{
    private const string KeyThumbprint = "dpop_jkt";

    // What this library sets itself, and what would undo its checks.
    private static readonly HashSet<string> Reserved = new(StringComparer.Ordinal)
    {
        ParameterNames.AcrValues, ParameterNames.Claims, ParameterNames.ClientAssertion, ParameterNames.ClientAssertionType, ParameterNames.ClientId,
        ParameterNames.ClientSecret, ParameterNames.CodeChallenge, ParameterNames.CodeChallengeMethod, ParameterNames.IdTokenHint, ParameterNames.LoginHint,
        ParameterNames.MaxAge, ParameterNames.Nonce, ParameterNames.Prompt, ParameterNames.RedirectUri, ParameterNames.Request, ParameterNames.RequestUri,
        ParameterNames.Resource, ParameterNames.ResponseMode, ParameterNames.ResponseType, ParameterNames.Scope, ParameterNames.State,
        ParameterNames.UiLocales, KeyThumbprint,
        // In a signed request these are claims about it.
        ClaimNames.Issuer, ClaimNames.Audience, ClaimNames.Expiration, ClaimNames.IssuedAt, ClaimNames.NotBefore, ClaimNames.JwtId,
    };

    public async Task<AuthorizationStart> StartAsync(AuthorizationParameters parameters, CancellationToken cancellationToken)
    {
        var options = caller.Options;
        Check(parameters);
        var metadata = await caller.Provider.MetadataAsync(cancellationToken).ConfigureAwait(false);
        if (metadata.CodeChallengeMethodsSupported is { } methods && !methods.Contains(Pkce.S256)) throw new OAuthException(ClientRefusals.NoS256(options.Issuer));
        // Before anything opens it: javascript:, file: and http elsewhere end here.
        var endpoint = Endpoint.Require(metadata.AuthorizationEndpoint, "authorization_endpoint", options.Issuer);

        var transaction = Transaction(parameters);
        var request = Describe(parameters, transaction);
        if (options.RequestObjectKey is { } key)
        {
            var signed = RequestObject.Create(key, new(options.ClientId, options.Issuer, caller.Clock.GetUtcNow()), request);
            // The type and the scope stand outside too, for providers that follow OpenID Connect Core section 6.1; what is signed counts.
            request = [.. request.Where(pair => pair.Key is ParameterNames.ClientId or ParameterNames.ResponseType or ParameterNames.Scope), new(ParameterNames.Request, signed)];
        }

        if (IsPushed(metadata)) request = await PushAsync(request, cancellationToken).ConfigureAwait(false);
        return new AuthorizationStart(new Uri(RedirectUri.WithQuery(endpoint, Query.Encode(request))), transaction);
    }

    private AuthorizationTransaction Transaction(AuthorizationParameters parameters)
    {
        var options = caller.Options;
        var scope = parameters.Scope ?? options.Scope ?? "";
        return new AuthorizationTransaction
        {
            State = RandomText.Create(),
            CodeVerifier = RandomText.Create(),
            Nonce = ScopeSet.Parse(scope).Value.Contains(Scopes.OpenId) ? RandomText.Create() : null,
            Issuer = options.Issuer,
            ClientId = options.ClientId,
            RedirectUri = parameters.RedirectUri ?? options.RedirectUri!,
            ResponseMode = parameters.ResponseMode ?? options.ResponseMode,
            Scope = scope,
            Resources = parameters.Resources ?? [.. options.Resources],
            MaxAge = parameters.MaxAge,
            ReturnUrl = parameters.ReturnUrl,
            SessionHash = parameters.SessionBinding is null ? null : AuthorizationAnswers.SessionHash(parameters.SessionBinding),
            ExpiresAt = caller.Clock.GetUtcNow() + options.TransactionLifetime,
        };
    }

    private List<KeyValuePair<string, string>> Describe(AuthorizationParameters parameters, AuthorizationTransaction transaction)
    {
        var request = new List<KeyValuePair<string, string>>
        {
            new(ParameterNames.ResponseType, "code"),
            new(ParameterNames.ClientId, transaction.ClientId),
            new(ParameterNames.RedirectUri, transaction.RedirectUri),
            new(ParameterNames.State, transaction.State),
            new(ParameterNames.CodeChallenge, Pkce.Challenge(transaction.CodeVerifier)),
            new(ParameterNames.CodeChallengeMethod, Pkce.S256),
        };
        Add(ParameterNames.Scope, transaction.Scope);
        Add(ParameterNames.Nonce, transaction.Nonce);
        Add(ParameterNames.ResponseMode, transaction.ResponseMode);
        foreach (var resource in transaction.Resources) Add(ParameterNames.Resource, resource);
        Add(ParameterNames.Prompt, parameters.Prompt);
        Add(ParameterNames.MaxAge, parameters.MaxAge?.ToString(CultureInfo.InvariantCulture));
        Add(ParameterNames.AcrValues, parameters.AcrValues);
        Add(ParameterNames.LoginHint, parameters.LoginHint);
        Add(ParameterNames.UiLocales, parameters.UiLocales);
        Add(ParameterNames.IdTokenHint, parameters.IdTokenHint?.Value);
        Add(ParameterNames.Claims, parameters.Claims);
        // The code is then of use with this key only (RFC 9449 section 10).
        Add(KeyThumbprint, caller.Options.DPoPKey?.Thumbprint);
        foreach (var (name, value) in parameters.Additional ?? new Dictionary<string, string>()) Add(name, value);
        return request;

        void Add(string name, string? value)
        {
            if (!string.IsNullOrEmpty(value)) request.Add(new(name, value));
        }
    }

    private bool IsPushed(ServerMetadata metadata) => caller.Options.PushedRequests switch
    {
        PushedRequests.Always => true,
        PushedRequests.WhenAdvertised => metadata.PushedAuthorizationRequestEndpoint is not null,
        _ => metadata.RequirePushedAuthorizationRequests == true,
    };

    private async Task<List<KeyValuePair<string, string>>> PushAsync(List<KeyValuePair<string, string>> request, CancellationToken cancellationToken)
    {
        var address = await caller.AddressAsync(metadata => metadata.PushedAuthorizationRequestEndpoint, "pushed_authorization_request_endpoint", cancellationToken).ConfigureAwait(false);
        // The credential adds the client_id itself, where it is one that has it in the form.
        var form = request.Where(pair => pair.Key != ParameterNames.ClientId || caller.Options.Credential.Method == ClientAuthenticationMethods.ClientSecretBasic).ToList();
        var answer = await caller.PostAsync(address, form, prove: false, cancellationToken).ConfigureAwait(false);
        if (!answer.Json.TryGetProperty(ParameterNames.RequestUri, out var reference) || reference.ValueKind != JsonValueKind.String
            || !answer.Json.TryGetProperty("expires_in", out var lifetime) || lifetime.ValueKind != JsonValueKind.Number)
        {
            throw new OAuthException(ClientRefusals.PushedRequestMalformed());
        }

        return [new(ParameterNames.ClientId, caller.Options.ClientId), new(ParameterNames.RequestUri, reference.GetString()!)];
    }

    private void Check(AuthorizationParameters parameters)
    {
        var redirectUri = parameters.RedirectUri ?? caller.Options.RedirectUri
            ?? throw new ArgumentException("There is no redirect URI; set RedirectUri in the client's options or for this sign-in.", nameof(parameters));
        if (RedirectUri.Fault(redirectUri, native: true) is { } fault) throw new ArgumentException($"The redirect URI {fault}.", nameof(parameters));
        if (parameters.ReturnUrl is { } returnUrl && !ReturnUrl.IsLocal(returnUrl))
            throw new ArgumentException("The return URL leads out of the application; use a path such as /orders. ReturnUrl.IsLocal tells beforehand.", nameof(parameters));
        if (parameters.Scope is { } scope && ScopeSet.Parse(scope).Error is not null)
            throw new ArgumentException("The scope has a character that scopes can't have; separate printable ASCII words by spaces.", nameof(parameters));
        foreach (var resource in parameters.Resources ?? [])
        {
            if (!ResourceIndicator.IsWellFormed(resource)) throw new ArgumentException("A resource is not an absolute URI without a fragment (RFC 8707 section 2).", nameof(parameters));
        }

        if (parameters.ResponseMode is { } mode && !LatchkeyClientOptions.KnownResponseModes.Contains(mode))
            throw new ArgumentException($"The response mode is none of {string.Join(", ", LatchkeyClientOptions.KnownResponseModes)}.", nameof(parameters));
        if (parameters.MaxAge < 0) throw new ArgumentException("MaxAge is negative; it is an age in seconds.", nameof(parameters));
        foreach (var name in parameters.Additional?.Keys ?? [])
        {
            if (Reserved.Contains(name)) throw new ArgumentException($"{name} can't be an additional parameter: this library sets it itself.", nameof(parameters));
        }
    }
}
