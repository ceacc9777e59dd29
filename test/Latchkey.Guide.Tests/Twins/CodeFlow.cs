using Latchkey.Client;
using Latchkey.Client.Authorization;
using Latchkey.Protocol;

namespace Latchkey.Guide.Tests.Twins;

internal sealed class CodeFlow(LatchkeyClient client, IDictionary<string, string> session)
{
    // Step 1: where the browser goes. State, nonce and verifier are in the transaction.
    public async Task<Uri> GetAuthorizationUrlAsync()
    {
        var start = await client.StartAuthorizationAsync();
        session[start.Transaction.State] = start.Transaction.ToJson();
        return start.Url;
    }

    // Step 2: the callback's parameters, judged and redeemed.
    public async Task<TokenSet> HandleCallbackAsync(string query)
    {
        var callback = Parameters.Parse(query.TrimStart('?'));
        if (!session.Remove(callback["state"] ?? "", out var kept)) throw new InvalidOperationException("This sign-in was finished before, or never started.");
        return await client.CompleteAuthorizationAsync(AuthorizationTransaction.FromJson(kept)!, callback);
    }
}
