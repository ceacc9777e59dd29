using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.Authorize;
using Latchkey.Server.Configuration;

namespace Latchkey.Server.Logout;

/// <summary>
/// A request to sign out (OpenID Connect RP-Initiated Logout section 2), judged: what could not be proven is left out, so that nothing later can
/// use it by mistake.
/// </summary>
/// <param name="Client">The client that asks, if it said so itself or by a hint of ours.</param>
/// <param name="Hint">Whom it means, if it sent an ID token of ours.</param>
/// <param name="ReturnUri">Where it wants the person back, with its <c>state</c>: a registered address of <paramref name="Client"/>; null otherwise.</param>
/// <param name="Refused">A <c>post_logout_redirect_uri</c> that was sent and is not used.</param>
internal sealed record LogoutRequest(Client? Client, HintedIdentity? Hint, string? ReturnUri, string? Refused)
{
    /// <summary>Judges the parameters.</summary>
    /// <returns>
    /// The request; or the error to show, for parameters that contradict each other. A hint that is not ours is no error: it is as if none was sent,
    /// except that the browser is then never sent back.
    /// </returns>
    public static async ValueTask<Result<LogoutRequest>> ReadAsync(
        Parameters parameters, IdTokenHint hints, ClientDirectory directory, ServerConfiguration configuration)
    {
        if (parameters.Error is { } fault) return fault;

        var sentHint = parameters[ParameterNames.IdTokenHint];
        HintedIdentity? hint = null;
        if (sentHint is not null && (await hints.ReadAsync(sentHint, configuration).ConfigureAwait(false)).Succeeded(out var hinted, out _)) hint = hinted;
        var forged = sentHint is not null && hint is null;

        var clientId = parameters[ParameterNames.ClientId];
        if (clientId is not null && await directory.FindKnownAsync(clientId, configuration).ConfigureAwait(false) is null)
            return OAuthError.InvalidRequest("There is no client of this client_id; send the one that the app is registered with.");
        if (clientId is not null && hint is not null && hint.ClientId != clientId)
            return OAuthError.InvalidRequest("The id_token_hint was issued to another client than client_id says; send the client_id of its aud, or leave client_id out.");

        var client = await directory.FindKnownAsync(clientId ?? hint?.ClientId, configuration).ConfigureAwait(false);
        var sentUri = parameters[ParameterNames.PostLogoutRedirectUri];
        var usable = sentUri is not null && !forged && client is not null
            && client.Metadata.PostLogoutRedirectUris.Any(registered => RedirectUri.Matches(registered, sentUri, client.AnyLoopbackPort));
        return new LogoutRequest(client, hint, usable ? WithState(sentUri!, parameters[ParameterNames.State]) : null, usable ? null : sentUri);
    }

    private static string WithState(string uri, string? state) =>
        state is null ? uri : RedirectUri.WithQuery(uri, $"{ParameterNames.State}={Uri.EscapeDataString(state)}");
}
