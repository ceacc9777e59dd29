using System.Text;
using Latchkey.Server.Configuration;
using Latchkey.Storage;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Hosting;

/// <summary>
/// <c>/healthz/live</c>: the process answers. <c>/healthz/ready</c>: it has its configuration and the database answers too. A database that can't be
/// written to is told of, but does not make the node unready: much still works (client_credentials, the keys, looking into tokens), and all nodes
/// share it, so that taking one out would help nobody.
/// </summary>
internal sealed class Health(ConfigurationSource configuration, Database database, TimeProvider clock)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    public static Task LiveAsync(HttpContext context) => WriteAsync(context, StatusCodes.Status200OK, "ok", null);

    public async Task ReadyAsync(HttpContext context)
    {
        if (!configuration.IsLoaded)
            await WriteAsync(context, StatusCodes.Status503ServiceUnavailable, "unavailable", "The configuration has not been read yet.").ConfigureAwait(false);
        else if (database.Broken.IsCompleted)
            await WriteAsync(context, StatusCodes.Status503ServiceUnavailable, "unavailable", "The disk of the database failed; the server ends.").ConfigureAwait(false);
        else if (!await AnswersAsync().ConfigureAwait(false))
            await WriteAsync(context, StatusCodes.Status503ServiceUnavailable, "unavailable", "The database does not answer.").ConfigureAwait(false);
        else if (configuration.IsClockOff)
            await WriteAsync(context, StatusCodes.Status503ServiceUnavailable, "unavailable", "The clock of this node and the database's differ by more than 5 seconds.").ConfigureAwait(false);
        else if (await TroubleAsync().ConfigureAwait(false) is { } trouble)
            await WriteAsync(context, StatusCodes.Status200OK, "degraded", trouble).ConfigureAwait(false);
        else
            await WriteAsync(context, StatusCodes.Status200OK, "ok", null).ConfigureAwait(false);
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            // An engine that works synchronously must not make the probe wait longer than it says.
            return await Task.Run(() => database.IsAvailableAsync().AsTask()).WaitAsync(Patience).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Why writes don't work. Nobody may have tried since it was mended, so that a small one is tried here.</summary>
    private async Task<string?> TroubleAsync()
    {
        if (database.Trouble is null) return null;
        try
        {
            await database.WriteAsync(sql => ReplayGuard.TouchAsync(sql, clock.GetUtcNow().ToUnixTimeMilliseconds())).AsTask().WaitAsync(Patience).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is DatabaseUnavailableException or TimeoutException)
        {
            // It is as it was.
        }

        return database.Trouble;
    }

    private static Task WriteAsync(HttpContext context, int status, string word, string? reason)
    {
        context.Response.StatusCode = status;
        context.NoStore();
        return context.WriteJsonAsync(Encoding.ASCII.GetBytes(reason is null ? $$"""{"status":"{{word}}"}""" : $$"""{"status":"{{word}}","reason":"{{reason}}"}"""));
    }
}
