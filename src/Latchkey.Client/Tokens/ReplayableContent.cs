using System.Net.Http.Json;

namespace Latchkey.Client.Tokens;

/// <summary>Whether the content of a request can be sent a second time.</summary>
internal static class ReplayableContent
{
    private const int Maximum = 1024 * 1024;

    /// <summary>Tells before the first sending, and buffers what is small and could otherwise be read only once.</summary>
    public static ValueTask<bool> PrepareAsync(HttpContent? content, CancellationToken cancellation) => content switch
    {
        // Strings and forms are byte arrays too; JSON is written anew each time.
        null or ByteArrayContent or ReadOnlyMemoryContent or JsonContent => new(true),
        { Headers.ContentLength: <= Maximum } => BufferAsync(content, cancellation),
        _ => new(false),
    };

    private static async ValueTask<bool> BufferAsync(HttpContent content, CancellationToken cancellation)
    {
        await content.LoadIntoBufferAsync(Maximum, cancellation).ConfigureAwait(false);
        return true;
    }
}
