using System.Collections.Concurrent;
using System.ComponentModel;
using System.Security.Claims;
using ModelContextProtocol.Server;

namespace Latchkey.Samples.Mcp;

/// <summary>Tools that know who calls: each person has notes of their own.</summary>
[McpServerToolType]
public sealed class NoteTools(IHttpContextAccessor accessor)
{
    private static readonly ConcurrentDictionary<string, ConcurrentQueue<string>> Notes = new(StringComparer.Ordinal);

    private ClaimsPrincipal Caller => accessor.HttpContext!.User;

    [McpServerTool(Name = "whoami"), Description("Says whose notes these are, and through which app they are asked for.")]
    public string WhoAmI() => $"{Caller.FindFirstValue("sub")} through {Caller.FindFirstValue("client_id")}";

    [McpServerTool(Name = "add_note"), Description("Writes a note down.")]
    public string Add([Description("What to remember.")] string text)
    {
        Mine.Enqueue(text);
        return "Noted.";
    }

    [McpServerTool(Name = "list_notes"), Description("Reads all notes, oldest first.")]
    public string List() => string.Join('\n', Mine);

    private ConcurrentQueue<string> Mine => Notes.GetOrAdd(Caller.FindFirstValue("sub")!, _ => new());
}
