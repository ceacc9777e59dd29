using System.Globalization;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.Configuration;
using Microsoft.AspNetCore.Http;
using Latchkey.Server.SenderConstraint;

namespace Latchkey.Server.Authorize;

/// <summary>Judges a request at <c>/authorize</c> from top to bottom (OAuth 2.1 section 4.1.1, OpenID Connect Core section 3.1.2).</summary>
internal sealed class AuthorizationRequestReader(ClientDirectory directory, IdTokenHint hints, ServerOptions options)
{
    public async ValueTask<AuthorizationRequestOutcome> ReadAsync(HttpContext context, ReceivedRequest received, ServerConfiguration configuration)
    {
        var parameters = received.Parameters;

        // 1. Can it be read at all?
        if (parameters.Malformed is { } malformed) return new AuthorizationRequestOutcome.Unproven(OAuthError.InvalidRequest(malformed), null);

        // 2. Who asks?
        if ((await FindClientAsync(context, parameters, configuration).ConfigureAwait(false)).Refused(out var unknown, out var client)) return new AuthorizationRequestOutcome.Unproven(unknown, null);

        // 3. Where does the answer go? From here on errors are the client's to read.
        if (ReturnAddress.Prove(client, parameters).Refused(out var unproven, out var address)) return new AuthorizationRequestOutcome.Unproven(unproven, client);

        // 4. The rest.
        return (await ReadRestAsync(received, client, address, configuration).ConfigureAwait(false)).Refused(out var error, out var request)
            ? new AuthorizationRequestOutcome.Refused(address, client, error)
            : new AuthorizationRequestOutcome.Right(request);
    }

    /// <summary>The client that a request names.</summary>
    public async ValueTask<Result<Client>> FindClientAsync(HttpContext context, Parameters parameters, ServerConfiguration configuration)
    {
        if (parameters.All(ParameterNames.ClientId).Count > 1) return OAuthError.InvalidRequest("The parameter client_id was sent more than once; send it once.");
        if (parameters[ParameterNames.ClientId] is not { } id) return OAuthError.InvalidRequest("The parameter client_id is missing.");
        var found = await directory.FindAsync(id, configuration, context).ConfigureAwait(false);
        return ReferenceEquals(found.Error, ClientDirectory.Unknown)
            ? new OAuthError("invalid_client", "There is no client of this client_id; check it for typing errors, or register the client.")
            : found;
    }

    private async ValueTask<Result<AuthorizationRequest>> ReadRestAsync(
        ReceivedRequest received, Client client, ReturnAddress address, ServerConfiguration configuration)
    {
        var parameters = received.Parameters;

        // 4.1 Nothing twice, and nothing that is not taken here.
        if (parameters.Error is { } fault) return fault;
        if (FindUnsupported(parameters) is { } unsupported) return unsupported;
        if (CheckWay(received, client) is { } wrongWay) return wrongWay;

        // 4.2 The kind of answer, and whether this client may have it.
        if (CheckResponse(parameters, client) is { } response) return response;

        // Some clients must say in each request where the answer goes, though it is registered (FAPI 2.0 Security Profile section 5.3.2.2).
        if (parameters[ParameterNames.RedirectUri] is null && client.Requirements.RedirectUri)
            return OAuthError.InvalidRequest("The parameter redirect_uri is missing; every request of this client must have it.");

        // 4.3 The code's binding to who asks for it.
        if (CodeChallenge.Check(parameters, client) is { } challenge) return challenge;
        if (SenderConstraints.CheckKeyThumbprint(parameters[ParameterNames.DPoPKeyThumbprint]) is { } thumbprint) return thumbprint;

        // 4.4 What is asked for.
        if (RequestedAccess.ReadDetailed(parameters, client, configuration).Refused(out var access, out var requested)) return access;

        // 4.5 How the person is to be asked.
        if (ReadPrompt(parameters).Refused(out var wrongPrompt, out var prompt)) return wrongPrompt;
        if (ReadMaxAge(parameters, client).Refused(out var wrongAge, out var maxAge)) return wrongAge;

        // 4.6 Who is meant, and which claims.
        if (ClaimsRequest.Parse(parameters[ParameterNames.Claims]).Refused(out var wrongClaims, out var claims)) return wrongClaims;
        HintedIdentity? hinted = null;
        Client? hintedClient = null;
        if (parameters[ParameterNames.IdTokenHint] is { } hint)
        {
            if ((await hints.ReadAsync(hint, configuration).ConfigureAwait(false)).Refused(out var wrongHint, out var identity)) return wrongHint;
            hinted = identity;
            hintedClient = await directory.FindKnownAsync(identity.ClientId, configuration).ConfigureAwait(false);
        }

        return new AuthorizationRequest
        {
            Client = client,
            Return = address,
            Received = received,
            RedirectUri = parameters[ParameterNames.RedirectUri],
            CodeChallenge = parameters[ParameterNames.CodeChallenge],
            DPoPKeyThumbprint = parameters[ParameterNames.DPoPKeyThumbprint],
            Scope = requested.Scope,
            Resources = requested.Resources,
            Details = requested.Details,
            Prompt = prompt,
            MaxAge = maxAge.Seconds,
            AcrValues = parameters[ParameterNames.AcrValues]?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? client.Metadata.DefaultAcrValues,
            LoginHint = parameters[ParameterNames.LoginHint],
            Hint = hinted,
            HintClient = hintedClient,
            Configuration = configuration,
            Claims = claims,
            Nonce = parameters[ParameterNames.Nonce],
        };
    }

    // RFC 9126 section 6 and RFC 9101 section 10.5: by client, or for all.
    private OAuthError? CheckWay(ReceivedRequest received, Client client)
    {
        if (received.Pushed is null && (client.Metadata.RequirePushedAuthorizationRequests || options.RequirePushedAuthorizationRequests))
            return OAuthError.InvalidRequest("Requests must be pushed: send this one to the pushed_authorization_request_endpoint, and the browser here with its request_uri.");
        return !received.IsSigned && client.Metadata.RequireSignedRequestObject == true
            ? OAuthError.InvalidRequest("Requests of this client must be signed: send them as a request object in the parameter request (RFC 9101).")
            : null;
    }

    // OpenID Connect Core section 3.1.2.6: what is not supported is refused by its own code, never passed over.
    private static OAuthError? FindUnsupported(Parameters parameters)
    {
        if (parameters[ParameterNames.Registration] is not null)
            return OAuthError.RegistrationNotSupported("The parameter registration is not taken; register the client beforehand.");
        return null;
    }

    private static OAuthError? CheckResponse(Parameters parameters, Client client)
    {
        var type = parameters[ParameterNames.ResponseType];
        if (type is null) return OAuthError.InvalidRequest("The parameter response_type is missing; send response_type=code.");
        if (type != "code") return OAuthError.UnsupportedResponseType("The only response_type is code; tokens are never given from here.");
        if (!client.Metadata.ResponseTypes.Contains("code"))
            return OAuthError.UnauthorizedClient("The client is not registered for response_type code.");
        if (!client.Metadata.Allows(GrantTypes.AuthorizationCode))
            return OAuthError.UnauthorizedClient("The client is not registered for the grant type authorization_code.");
        if (client.Requirements.SignedResponses && !(parameters[ParameterNames.ResponseMode] is { } asked && ResponseModes.Signed.Contains(asked)))
            return OAuthError.InvalidRequest("Answers to this client must be signed: send response_mode=jwt (JARM).");
        return parameters[ParameterNames.ResponseMode] is { } mode && !ResponseModes.Supported.Contains(mode)
            ? OAuthError.InvalidRequest("There is no such response_mode; send query, form_post, jwt, query.jwt or form_post.jwt, or leave it out.")
            : null;
    }

    private static Result<Prompt> ReadPrompt(Parameters parameters)
    {
        var prompt = Prompt.Unspecified;
        foreach (var value in (parameters[ParameterNames.Prompt] ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!Prompts.Supported.TryGetValue(value, out var known)) return OAuthError.InvalidRequest("There is no such prompt; send none, login, consent or select_account, the last three in any combination.");
            prompt |= known;
        }

        return prompt.HasFlag(Prompt.None) && prompt != Prompt.None
            ? OAuthError.InvalidRequest("The prompt none can't be combined with another.")
            : prompt;
    }

    private static Result<MaximumAge> ReadMaxAge(Parameters parameters, Client client)
    {
        if (parameters[ParameterNames.MaxAge] is not { } text) return new MaximumAge(client.Metadata.DefaultMaxAge);
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? new MaximumAge(seconds)
            : OAuthError.InvalidRequest("The max_age is not a number of seconds; send digits only.");
    }

    private readonly record struct MaximumAge(long? Seconds);
}
